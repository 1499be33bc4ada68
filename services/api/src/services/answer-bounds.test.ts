import { AgentServiceService } from '@berth/shared/gen/berth/v1/agent_service';
import { ObserveServiceService } from '@berth/shared/gen/berth/v1/observe_service';
import { PlacementServiceService } from '@berth/shared/gen/berth/v1/placement_service';
import { ScalingServiceService } from '@berth/shared/gen/berth/v1/scaling_service';
import { ScheduleServiceService } from '@berth/shared/gen/berth/v1/schedule_service';
import { StageServiceService } from '@berth/shared/gen/berth/v1/stage_service';
import { AgentRecord, AgentState, AgentStatusRecord } from '@berth/shared/gen/berth/v1/store';
import { JobServiceService } from '@berth/shared/gen/job/v1/job_service';
import {
  type DeepPartial,
  JobManagementServiceService,
  State,
} from '@berth/shared/gen/netflix/titus/titus_job_api';
import type { Write } from '@berth/store';
import { MemoryStore } from '@berth/store/memory';
import { type MethodDefinition, status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { maxPageSize } from '../gateway/core/limits.js';
import { aBatchJob } from '../testing/fixtures.js';
import { HttpCaller } from '../testing/http-caller.js';
import { type Answer, codeOf, decide, RunningGateway } from '../testing/running-gateway.js';
import { clusterWrite, jobWrite, statusWrite, taskWrite } from '../testing/scripted-cell.js';

/** The limit of clients of default settings. */
const clientLimitBytes = 4 * 1024 * 1024;

const pad = 'x'.repeat(4_000);
const manyTasks = 1_500;
const jobsWithTasks = 150;
const tasksOfEach = 12;

let store: MemoryStore;
let gateway: RunningGateway;

/** Each list of this cell has more bytes than one answer may have. */
function crowdedCell(): readonly Write[] {
  const times = <T>(count: number, make: (index: number) => T) =>
    Array.from({ length: count }, (_, at) => make(at));
  const template = {
    labels: { 'berth.description': pad },
    containers: { main: { image: { name: 'busybox:1' } } },
  };
  const schedule = { labels: { 'berth.cronSpec': '0 0 * * *' }, containers: template.containers };
  const kind = (id: string, jobDescriptor: object, createdAtMs: number) =>
    clusterWrite(id, {
      descriptor: {
        name: id,
        clusterSpec: { $case: 'batch', value: {} },
        jobDescriptor: { ...jobDescriptor, jobSpec: { $case: 'batch', value: {} } },
      },
      createdAtMs,
    });
  const tasksOf = (jobId: string, count: number) =>
    times(count, (slot) => taskOf(`${jobId}.${slot}-0`, slot));
  const agent = (id: string): readonly Write[] => [
    {
      kind: 'agent',
      id,
      record: AgentRecord.fromPartial({
        id,
        attributes: { note: pad },
        capacity: { cpuMillis: 4000, memoryMb: 4000 },
      }),
    },
    {
      kind: 'agentStatus',
      id,
      record: AgentStatusRecord.fromPartial({ agentId: id, state: AgentState.ALIVE }),
    },
  ];
  return [
    ...times(manyTasks, (at) => agent(`agent-${String(at).padStart(4, '0')}`)).flat(),
    ...times(manyTasks, (at) => kind(`c${at}`, template, at)),
    kind('nightly', schedule, manyTasks),
    jobWrite('big'),
    statusWrite('big', State.RUNNING),
    ...tasksOf('big', manyTasks),
    ...times(jobsWithTasks, (at) =>
      jobWrite(`j${at}`, {
        createdAtMs: 10 + at,
        clusterId: 'c0',
        descriptor: aBatchJob(),
        arguments: times(8, () => pad),
      }),
    ),
    ...times(jobsWithTasks, (at) => tasksOf(`j${at}`, tasksOfEach)).flat(),
  ];
}

function taskOf(id: string, slot: number): Write {
  const { record, ...write } = taskWrite(id, { slot, agentId: 'agent-0000', createdAtMs: slot });
  const state = { state: State.RUNNING, reason: pad };
  return { ...write, record: { ...record, task: { id, taskContext: {}, stateChanges: [], state } } };
}

beforeAll(async () => {
  store = new MemoryStore();
  const writes = crowdedCell();
  for (let at = 0; at < writes.length; at += 1_000) await decide(store, writes.slice(at, at + 1_000));
  gateway = await RunningGateway.start(store, { BERTH_IMAGE_RESOLUTION: 'off', BERTH_API_WRITE_RATE: '0' });
}, 60_000);

afterAll(async () => {
  await gateway.close();
  await store.close();
});

/** Requests of every unary method, each for as much as the method can answer. Those that write come last. */
type Requests<Definition> = {
  readonly [Method in keyof Definition as Definition[Method] extends { responseStream: false }
    ? Method
    : never]: Definition[Method] extends MethodDefinition<infer Req, infer _> ? DeepPartial<Req> : never;
};

const page = { pageNumber: 0, pageSize: maxPageSize };

const jobManagement: Requests<typeof JobManagementServiceService> = {
  findJobCluster: { id: 'c0' },
  findJobClusters: { page },
  findJob: { id: 'big' },
  findJobs: { page },
  findTask: { id: 'big.0-0' },
  findTasks: { jobId: 'big', page },
  createJobCluster: { name: 'new', clusterSpec: { $case: 'batch', value: {} } },
  updateJobCluster: { id: 'c1', descriptor: { name: 'c1', clusterSpec: { $case: 'batch', value: {} } } },
  updateJobClusterStatus: { id: 'c1', enableStatus: false },
  removeJobCluster: { id: 'c1' },
  createJob: aBatchJob(),
  updateJobInstances: { jobId: 'big', instances: { desired: 1 } },
  updateJobStatus: { id: 'big', enableStatus: false },
  killTask: { id: 'big.0-0' },
  killTasks: { id: Array.from({ length: 1_000 }, (_, at) => `${at}${'x'.repeat(200)}`) },
  killJobs: { id: Array.from({ length: 1_000 }, (_, at) => `${at}${'x'.repeat(200)}`) },
  killJob: { id: 'big' },
};
const agents: Requests<typeof AgentServiceService> = {
  listAgents: { pageSize: 2_000 },
  getAgent: { id: 'agent-0000' },
  drainAgent: { id: 'agent-0000' },
  undrainAgent: { id: 'agent-0000' },
};
const placement: Requests<typeof PlacementServiceService> = {
  checkExpression: { expression: Array.from({ length: 200 }, (_, at) => `unknown${at} == 1`).join(' OR ') },
  explain: { taskId: 'big.0-0' },
  plan: { what: { $case: 'lose', value: { name: 'note', value: pad } } },
};
const schedules: Requests<typeof ScheduleServiceService> = {
  getSchedule: { clusterId: 'nightly' },
  listFires: { clusterId: 'nightly', count: 1_000 },
  pauseSchedule: { clusterId: 'nightly' },
  resumeSchedule: { clusterId: 'nightly' },
};
const stages: Requests<typeof StageServiceService> = { updateStageInstances: { jobId: 'big', stage: 1 } };
const scaling: Requests<typeof ScalingServiceService> = { explainScaling: { jobId: 'big', listenMs: 0 } };
const jobV1: Requests<typeof JobServiceService> = {
  getVersion: {},
  listRegisteredJobs: {},
  lookupInstances: { query: {} },
  scheduleJob: { kind: 'c2' },
  cancelInstances: { query: { kind: 'c0' } },
};
const observe: Requests<typeof ObserveServiceService> = {};

const services = [
  [AgentServiceService, agents],
  [PlacementServiceService, placement],
  [ScheduleServiceService, schedules],
  [StageServiceService, stages],
  [ScalingServiceService, scaling],
  [JobServiceService, jobV1],
  [JobManagementServiceService, jobManagement],
  [ObserveServiceService, observe],
] as const;

const everyMethod = services.flatMap(([definition, requests]) =>
  Object.entries(requests).map(([name, request]) => {
    const method = (definition as unknown as Record<string, MethodDefinition<unknown, unknown>>)[name];
    if (method === undefined) throw new Error(`there is no method ${name}`);
    return { path: method.path, method, request: request as object };
  }),
);

/** These requests name objects that are not there, or of another kind: the answer is an error. */
const refusals: ReadonlyMap<string, status> = new Map([
  [JobManagementServiceService.killTasks.path, status.NOT_FOUND],
  [JobManagementServiceService.killJobs.path, status.NOT_FOUND],
  [StageServiceService.updateStageInstances.path, status.INVALID_ARGUMENT],
]);

const asAda = { headers: { 'berth-caller-id': 'ada', 'berth-caller-email': 'ada@example.org' } };

/** Calls the method, and returns the bytes of its answer. A refusal has none. */
async function answerBytes(method: MethodDefinition<unknown, unknown>, request: object) {
  const inBytes = { ...method, responseDeserialize: (bytes: Buffer) => bytes };
  // The generated encoders want every field.
  const complete = { ...(method.requestDeserialize(Buffer.alloc(0)) as object), ...request };
  try {
    return { bytes: (await gateway.call(inBytes, complete, asAda)).response.length, code: status.OK };
  } catch (error) {
    return { bytes: 0, code: (error as { code: status }).code };
  }
}

const { findJob, findJobs, findTasks } = JobManagementServiceService;
const query = <T extends object>(fields: T) => ({
  page: undefined,
  fiterlingCriteria: {},
  fields: [],
  ...fields,
});
const trailerOf = ({ trailers }: Answer<unknown>, key: string) => trailers.get(key)[0]?.toString();

describe('lists beyond the size of one answer', () => {
  it('are read by cursor without a gap, in pages that end early', async () => {
    const ids: string[] = [];
    let pages = 0;
    let omitted = 0;
    for (let cursor: string | undefined = ''; cursor !== undefined; pages += 1) {
      const headers: Record<string, string> = cursor === '' ? {} : { 'berth-cursor': cursor };
      const answer: Answer<{ items: { id: string }[]; pagination?: { hasMore: boolean } | undefined }> =
        await gateway.call(findJobs, query({ page }), { headers });
      ids.push(...answer.response.items.map(({ id }) => id));
      omitted += Number(trailerOf(answer, 'berth-tasks-omitted') ?? 0);
      cursor = trailerOf(answer, 'berth-cursor');
      expect(answer.response.pagination?.hasMore).toBe(cursor !== undefined);
    }
    expect(ids).toEqual(['big', ...Array.from({ length: jobsWithTasks }, (_, at) => `j${at}`)]);
    expect(pages).toBeGreaterThan(3);
    expect(omitted).toBeGreaterThan(500);
  });

  it('lose nothing for callers who page by number: the size that fits is named', async () => {
    const first = await gateway.call(findJobs, query({ page: { pageNumber: 0, pageSize: 100 } }));
    expect(first.response.pagination).toMatchObject({ hasMore: true, currentPage: { pageSize: 1 } });
    expect(first.response.pagination?.totalPages).toBe(jobsWithTasks + 1);
    const tasks = (pageNumber: number, pageSize: number) =>
      gateway.call(findTasks, query({ jobId: 'big', page: { pageNumber, pageSize } }));
    const refusal = await tasks(1, 1_000).catch((error: { code: number; details: string }) => error);
    expect(refusal).toMatchObject({ code: status.RESOURCE_EXHAUSTED });
    const size = Number(/pages of (\d+), or/.exec('details' in refusal ? refusal.details : '')?.[1]);
    const seen: string[] = [];
    for (let number = 0; ; number += 1) {
      const { items, pagination } = (await tasks(number, size)).response;
      seen.push(...items.map(({ id }) => id));
      if (!pagination?.hasMore) break;
    }
    expect(new Set(seen).size).toBe(manyTasks);
    expect(seen).toHaveLength(manyTasks);
  });

  it('end where selected fields end, not where complete records would', async () => {
    const small = await gateway.call(findJobs, query({ page, fields: ['jobState'] }));
    expect(small.response.items).toHaveLength(jobsWithTasks + 1);
  });

  it('of agents go on after the last agent', async () => {
    const ids: string[] = [];
    for (let after: string | undefined; after !== ''; ) {
      const request = { pageSize: 2_000, after: after ?? '' };
      const { agents: some, nextAfter } = (await gateway.call(AgentServiceService.listAgents, request))
        .response;
      ids.push(...some.map(({ id }) => id));
      after = nextAfter;
    }
    expect(new Set(ids).size).toBe(manyTasks);
    expect(ids).toHaveLength(manyTasks);
  });
});

describe('a job beyond the size of one answer', () => {
  it('has its first tasks, and FindTasks goes on at the cursor', async () => {
    const answer = await gateway.call(findJob, { id: 'big' });
    const omitted = Number(trailerOf(answer, 'berth-tasks-omitted'));
    expect(answer.response.tasks).toHaveLength(manyTasks - omitted);
    expect(omitted).toBeGreaterThan(0);
    const headers = { 'berth-cursor': trailerOf(answer, 'berth-cursor') ?? '' };
    const rest = await gateway.call(findTasks, query({ jobId: 'big', page }), { headers });
    const ids = [...answer.response.tasks, ...rest.response.items].map(({ id }) => id);
    expect(new Set(ids).size).toBe(manyTasks);
    expect(ids).toHaveLength(manyTasks);
  });

  it('says so over HTTP', async () => {
    const {
      status: code,
      headers,
      json,
    } = await new HttpCaller(gateway.gateway.httpPort).get('/api/v1/jobs/big');
    expect(code).toBe(200);
    expect(Number(headers.get('berth-tasks-omitted'))).toBe(manyTasks - json.tasks.length);
  });
});

describe('no answer is beyond the limit of clients of default settings', () => {
  it.each(everyMethod)('$path', async ({ method, request }) => {
    const { bytes, code } = await answerBytes(method, request);
    expect(bytes).toBeLessThan(clientLimitBytes);
    // A client answers so if the message is too large for it.
    expect(code).not.toBe(status.RESOURCE_EXHAUSTED);
    expect([method.path, code]).toEqual([method.path, refusals.get(method.path) ?? status.OK]);
  });

  it('and every unary method is among those', () => {
    const unary = services.flatMap(([definition]) =>
      Object.values(definition as Record<string, MethodDefinition<unknown, unknown>>)
        .filter(({ requestStream, responseStream }) => !requestStream && !responseStream)
        .map(({ path }) => path),
    );
    expect(everyMethod.map(({ path }) => path).toSorted()).toEqual(unary.toSorted());
  });

  it('a wrong call is refused with its own code', async () => {
    expect(await codeOf(gateway.call(findJob, { id: 'unknown' }))).toBe(status.NOT_FOUND);
  });
});
