/*
 * Measures the cost of a page of a query: 100 of 10,000 jobs of 10 tasks each, by label and state, from the
 * call to the answer's last byte. It includes search, projection, encoding and a connection of this
 * machine. Caller and gateway share one process, so the caller's work counts too, except for the decoding.
 */
import { loadavg } from 'node:os';
import { gatewayConfigSchema } from '@berth/api/config';
import { type Gateway, startGateway } from '@berth/api/gateway';
import {
  JobQuery,
  JobManagementServiceService as methods,
  TaskQuery,
} from '@berth/shared/gen/netflix/titus/titus_job_api';
import { parseConfig } from '@berth/shared/process/config';
import { silentLogger as log } from '@berth/shared/process/logger';
import { MemoryStore } from '@berth/store/memory';
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { benchOptions, count } from './options.js';
import { createdAt, fill, jobIdAt } from './query/cell.js';
import { atMost, type BenchRow, machineConditions, median, noted, printReport, quantile } from './report.js';

const { jobs, tasks, calls, rounds } = benchOptions('query', {
  jobs: count('jobs that the gateway knows', 10_000),
  tasks: count('tasks of each', 10),
  calls: count('calls of each query', 200),
  rounds: count('how often each query is measured', 3),
});

/** The goal for a page. */
const limitMs = 5;
const pageSize = 100;
/** Of one more job, as many tasks as a job can have. */
const manyTasks = 10_000;
const manyTasksAt = jobs + 1;
const maxMessageBytes = 64 * 1024 * 1024;

/** A request as bytes, with the rest of its call. */
interface Request {
  readonly path: string;
  readonly body: Buffer;
  readonly cursor?: string;
}

interface Case {
  readonly name: string;
  readonly request: Request;
  readonly hasGoal: boolean;
}

function query(fields: readonly string[], more: Record<string, string> = {}, pageNumber = 0): Request {
  return findJobs({ labels: 'team:team-7', jobState: 'RUNNING', ...more }, fields, { pageNumber });
}

function findJobs(
  fiterlingCriteria: Record<string, string>,
  fields: readonly string[],
  at: { readonly pageNumber?: number; readonly cursor?: string },
): Request {
  const page = { pageNumber: at.pageNumber ?? 0, pageSize };
  const request = JobQuery.fromPartial({ page, fiterlingCriteria, fields: [...fields] });
  const { path, requestSerialize } = methods.findJobs;
  const cursor = at.cursor === undefined ? {} : { cursor: at.cursor };
  return { path, body: requestSerialize(request), ...cursor };
}

/** Tasks of the job with many. */
function findTasks(fields: readonly string[], pageNumber: number): Request {
  const request = TaskQuery.fromPartial({
    jobId: jobIdAt(manyTasksAt),
    page: { pageNumber, pageSize },
    fiterlingCriteria: { taskStates: 'RUNNING' },
    fields: [...fields],
  });
  const { path, requestSerialize } = methods.findTasks;
  return { path, body: requestSerialize(request) };
}

const listed = [
  'jobDescriptor.service',
  'jobState',
  'stateChanges',
  'tasks.id',
  'tasks.state',
  'tasks.taskContext',
];

const deepest = Math.floor((jobs * 3) / 4 / pageSize) - 1;
const cases: readonly Case[] = [
  {
    name: 'state and labels of each job',
    request: query(['jobState', 'jobDescriptor.labels']),
    hasGoal: true,
  },
  { name: 'what `berth ps` shows, tasks included', request: query(listed), hasGoal: true },
  { name: 'the third page of it', request: query(listed, {}, 2), hasGoal: true },
  { name: 'whole jobs, tasks included', request: query([]), hasGoal: true },
  {
    name: 'the last page of all that run, by number',
    request: findJobs({ jobState: 'RUNNING' }, listed, { pageNumber: deepest }),
    hasGoal: true,
  },
  {
    name: 'a page in the middle of all jobs, by cursor',
    request: findJobs({}, listed, { cursor: cursorAt(Math.floor(jobs / 2)) }),
    hasGoal: true,
  },
  {
    name: 'of two owners and any of three states',
    request: findJobs(
      { owner: 'ada@example.org,bob@example.org', jobState: 'QUEUED,STARTING,RUNNING' },
      ['jobState'],
      {},
    ),
    hasGoal: false,
  },
  {
    name: `tasks that run, of a job of ${manyTasks}`,
    request: findTasks(['state', 'taskContext'], 0),
    hasGoal: true,
  },
  {
    name: 'whole tasks of it, the last page',
    request: findTasks([], manyTasks / pageSize - 1),
    hasGoal: true,
  },
  {
    name: 'by what no list is kept of (an agent)',
    request: query(['jobState'], { agentIds: 'agent-3' }),
    hasGoal: false,
  },
];

/** As a gateway makes it of the job there. */
function cursorAt(index: number): string {
  return Buffer.from(`${createdAt(index)}@${jobIdAt(index)}`).toString('base64url');
}

interface Timed {
  readonly ms: number;
  /** Of this process: gateway and caller. */
  readonly cpuMs: number;
  readonly bytes: number;
}

function cpuMsSince(began: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(began);
  return (user + system) / 1000;
}

/** Sends the request, and hands the answer over as it came. */
function callGrpc(client: Client, { path, body, cursor }: Request): Promise<Timed> {
  const metadata = new Metadata();
  if (cursor !== undefined) metadata.set('berth-cursor', cursor);
  const beganMs = performance.now();
  const began = process.cpuUsage();
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      path,
      (bytes: Buffer) => bytes,
      (bytes: Buffer) => bytes,
      body,
      metadata,
      (error, bytes) => {
        if (error) reject(error);
        else
          resolve({ ms: performance.now() - beganMs, cpuMs: cpuMsSince(began), bytes: bytes?.length ?? 0 });
      },
    );
  });
}

async function main(): Promise<void> {
  const store = new MemoryStore();
  await fill(store, jobs, tasks);
  await fill(store, 1, manyTasks, manyTasksAt);
  const freePort = '127.0.0.1:0';
  const config = parseConfig(gatewayConfigSchema, {
    BERTH_API_GRPC: freePort,
    BERTH_API_JOBV1: freePort,
    BERTH_API_HTTP: freePort,
  });
  const gateway: Gateway = await startGateway({ config, store, log });
  const client = new Client(`127.0.0.1:${gateway.grpcPort}`, credentials.createInsecure(), {
    'grpc.max_receive_message_length': maxMessageBytes,
  });
  try {
    const rows: BenchRow[] = [];
    const found = new Map<Case, Timed[]>(cases.map((each) => [each, []]));
    for (const each of cases)
      for (let call = 0; call < calls / 4; call += 1) await callGrpc(client, each.request);
    for (let round = 0; round < rounds; round += 1)
      for (const each of cases)
        for (let call = 0; call < calls; call += 1)
          found.get(each)?.push(await callGrpc(client, each.request));
    for (const [each, timed] of found) rows.push(...rowsOf(each, timed));
    printReport({
      name: 'query',
      conditions: { ...machineConditions(), load: loadavg()[0] ?? 0, jobs, tasks, pageSize, calls, rounds },
      rows,
    });
  } finally {
    client.close();
    await gateway.close();
    await store.close();
  }
}

function rowsOf({ name, hasGoal }: Case, timed: readonly Timed[]): BenchRow[] {
  const times = timed.map(({ ms }) => ms);
  const kilobytes = Math.round((timed[0]?.bytes ?? 0) / 1000);
  const label = `${name} (${kilobytes} kB)`;
  const middle = median(times);
  return [
    hasGoal ? atMost(`${label}, median`, middle, 'ms', limitMs) : noted(`${label}, median`, middle, 'ms'),
    noted(`${label}, the fastest tenth`, quantile(times, 0.1), 'ms'),
    noted(`${label}, 99 of 100`, quantile(times, 0.99), 'ms'),
    noted(`${label}, processor time`, median(timed.map(({ cpuMs }) => cpuMs)), 'ms'),
  ];
}

await main();
