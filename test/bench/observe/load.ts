/** The load's process: commits bursts of task updates, or transactions of as many puts. */
import { JobRecord, JobStatusRecord, TaskRecord } from '@berth/shared/gen/berth/v1/store';
import { JobDescriptor, State } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { toRfc3339 } from '@berth/shared/model/task-state';
import { RedisStore } from '@berth/shared/store/redis-store';
import type { Write } from '@berth/shared/store/store';
import { Client, credentials } from '@grpc/grpc-js';
import { burst, type LoadOrder, type LoadReport, valueBytes, windows } from './protocol.js';
import { field, nowMark } from './wire.js';

const inFlight = 32;
const tasksPerJob = 10;
const writesPerCommit = 500;
const maxKept = 1_000;

type Sender = (first: number) => Promise<void>;

let tasks = 0;
let window: number = windows.berth;
let send: Sender | undefined;
let received = 0;
let wake: (() => void) | undefined;

function padding(used: number): string {
  return 'x'.repeat(Math.max(0, valueBytes - used));
}

/** What of a task stays as it is; made once, since the load shares the machine with what it measures. */
const unchanging = new Map<number, TaskRecord>();
const pad = padding(150);

function taskWrite(index: number): Write {
  const { task, ...record } = unchanging.get(index) ?? newTask(index);
  if (task === undefined) throw new Error('a task without its public part');
  const taskContext = { 'bench.sent': nowMark(), 'bench.pad': pad };
  return { kind: 'task', id: task.id, record: { ...record, task: { ...task, taskContext } } };
}

function newTask(index: number): TaskRecord {
  const jobId = `job${Math.floor(index / tasksPerJob)}`;
  const since = toRfc3339(1);
  const record = TaskRecord.fromPartial({
    jobId,
    slot: index % tasksPerJob,
    createdAtMs: 1,
    task: {
      id: `${jobId}.${index % tasksPerJob}-0`,
      state: { state: State.RUNNING },
      stateChanges: [
        { state: 'QUEUED', timestamp: since },
        { state: 'RUNNING', timestamp: since },
      ],
    },
  });
  if (unchanging.size < maxKept) unchanging.set(index, record);
  return record;
}

function jobWrites(index: number): readonly Write[] {
  const id = `job${index}`;
  const descriptor = JobDescriptor.fromPartial({
    owner: { ownerEmail: 'bench@example.org', teamEmail: 'bench@example.org' },
    appName: 'bench',
    containers: { main: { image: { name: 'bench' } } },
    jobSpec: { $case: 'service', value: { instances: { desired: tasksPerJob } } },
  });
  const job = JobRecord.fromPartial({ id, clusterId: 'default', descriptor, createdAtMs: 1 });
  const status = JobStatusRecord.fromPartial({ jobId: id, state: { state: State.RUNNING } });
  return [
    { kind: 'job', id, record: job },
    { kind: 'jobStatus', id, record: status },
  ];
}

async function startBerth(redisUrl: string, cell: string): Promise<Sender> {
  const store = await RedisStore.connect({ url: redisUrl, cell });
  const jobs = Array.from({ length: Math.ceil(tasks / tasksPerJob) }, (_, index) => index);
  const writes = jobs.flatMap((job) => [
    ...jobWrites(job),
    ...Array.from({ length: tasksPerJob }, (_, slot) => taskWrite(job * tasksPerJob + slot)),
  ]);
  for (let at = 0; at < writes.length; at += writesPerCommit)
    await store.commit({ actor: 'bench', writes: writes.slice(at, at + writesPerCommit) });
  return async (first) => {
    const writes = Array.from({ length: burst }, (_, index) => taskWrite((first + index) % tasks));
    const result = await store.commit({ actor: 'bench', writes });
    if (!result.ok) throw new Error(JSON.stringify(result));
  };
}

function startEtcd(port: number): Sender {
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  return (first) => {
    const puts = Array.from({ length: burst }, (_, index) => {
      const value = `${nowMark()}${padding(40)}`;
      const put = Buffer.concat([field(1, `t${(first + index) % tasks}`), field(2, value)]);
      return field(2, field(2, put));
    });
    return new Promise((resolve, reject) => {
      const same = (bytes: Buffer) => bytes;
      client.makeUnaryRequest('/etcdserverpb.KV/Txn', same, same, Buffer.concat(puts), (error) =>
        error === null ? resolve() : reject(error),
      );
    });
  };
}

/** Sends so many events, as fast as the window allows or at the rate. */
async function run(events: number, eventsPerSecond: number | undefined): Promise<void> {
  const sender = send;
  if (sender === undefined) throw new Error('the load has not been started');
  const base = received;
  const beganMs = performance.now();
  let sent = 0;
  const worker = async () => {
    while (sent < events) {
      const first = sent;
      sent += burst;
      const dueMs = eventsPerSecond === undefined ? 0 : beganMs + (first / eventsPerSecond) * 1000;
      const waitMs = dueMs - performance.now();
      if (waitMs > 1) await new Promise((resolve) => setTimeout(resolve, waitMs));
      while (first + burst > received - base + window) {
        await new Promise<void>((resolve) => {
          const before = wake;
          wake = () => {
            before?.();
            resolve();
          };
        });
      }
      await sender(first);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
  tell({ did: 'run', events: sent });
}

function tell(report: LoadReport): void {
  process.send?.(report);
}

async function obey(order: LoadOrder): Promise<void> {
  switch (order.do) {
    case 'start':
      tasks = order.tasks;
      window = windows[order.target.kind];
      send =
        order.target.kind === 'etcd'
          ? startEtcd(order.target.port)
          : await startBerth(order.target.redisUrl, order.target.cell);
      return tell({ did: 'started' });
    case 'run':
      return run(order.events, order.eventsPerSecond);
    case 'received': {
      received = order.events;
      const waking = wake;
      wake = undefined;
      return waking?.();
    }
  }
}

process.on('message', (order: LoadOrder) => {
  obey(order).catch((error: unknown) => {
    process.stderr.write(`the load failed: ${error instanceof Error ? error.stack : String(error)}\n`);
    process.exit(1);
  });
});
process.on('disconnect', () => process.exit(0));
