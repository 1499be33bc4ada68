/*
 * Sends the bursts of the load. A burst is encoded once, and its time of sending is written into it each
 * time. The load shares the machine with the measured server, and its garbage would stop both.
 */

import { randomUUID } from 'node:crypto';
import { type ClientHttp2Session, connect, constants, type IncomingHttpHeaders } from 'node:http2';
import { JobRecord, JobStatusRecord, TaskRecord } from '@berth/shared/gen/berth/v1/store';
import { JobDescriptor, State } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { toRfc3339 } from '@berth/shared/model/task/task-state';
import { openStore, type Write } from '@berth/store';
import {
  cellKeys,
  commitArguments,
  commitResult,
  type PreparedCommit,
  packWrites,
  type ScriptedRedis,
  scripts,
} from '@berth/store/testing/redis';
import { encodeRecord, fieldOf } from '@berth/store/wire';
import { Redis } from 'ioredis';
import { burst, inFlight, valueBytes } from './protocol.js';
import { field, nowMark, timeMark } from './wire.js';

/** Sends the burst that begins with this event, and resolves once it is acknowledged. */
export type Sender = (first: number) => Promise<void>;

const tasksPerJob = 10;
const writesPerCommit = 500;
/**
 * Writers take turns, each on its own connection. There are as many writers as bursts in flight, so that
 * none waits for another's. From one connection Redis takes hardly more than one commit in each turn of its
 * loop, and syncs its file in each.
 */
const writers = inFlight;
const maxKept = 1_000;
/** The log is full soon, like that of a cell which has run for some time. Redis then reuses its memory. */
const logLength = 2_000;

/** The bytes of a burst, and the positions of the sending times in them. */
class ReadyBurst {
  readonly bytes: Buffer;
  readonly #marks: readonly number[];

  constructor(bytes: Buffer) {
    this.bytes = bytes;
    const marks: number[] = [];
    for (let at = bytes.indexOf(timeMark); at >= 0; at = bytes.indexOf(timeMark, at + 1)) marks.push(at);
    this.#marks = marks;
  }

  stamp(): void {
    const mark = nowMark();
    for (const at of this.#marks) this.bytes.write(mark, at, 'latin1');
  }
}

/** A bounded pool of finished bursts. Each is reused once it has been acknowledged. */
class BurstPool {
  readonly #tasks: number;
  readonly #make: (first: number) => Buffer;
  readonly #idle = new Map<number, ReadyBurst[]>();
  #made = 0;

  /** `make` encodes the burst that begins with this task. */
  constructor(tasks: number, make: (first: number) => Buffer) {
    this.#tasks = tasks;
    this.#make = make;
  }

  async use(first: number, send: (bytes: Buffer) => Promise<void>): Promise<void> {
    const task = first % this.#tasks;
    const idle = this.#idle.get(task) ?? [];
    this.#idle.set(task, idle);
    const ready = idle.pop() ?? this.#new(task);
    ready.stamp();
    await send(ready.bytes);
    if (this.#made <= maxKept) idle.push(ready);
  }

  #new(task: number): ReadyBurst {
    this.#made += 1;
    return new ReadyBurst(this.#make(task));
  }
}

function padding(used: number): string {
  return 'x'.repeat(Math.max(0, valueBytes - used));
}

function taskWrite(index: number): Extract<Write, { kind: 'task' }> & { readonly record: TaskRecord } {
  const jobId = `job${Math.floor(index / tasksPerJob)}`;
  const id = `${jobId}.${index % tasksPerJob}-0`;
  const since = toRfc3339(1);
  const record = TaskRecord.fromPartial({
    jobId,
    slot: index % tasksPerJob,
    createdAtMs: 1,
    task: {
      id,
      state: { state: State.RUNNING },
      stateChanges: [
        { state: 'QUEUED', timestamp: since },
        { state: 'RUNNING', timestamp: since },
      ],
      taskContext: { 'bench.sent': nowMark(), 'bench.pad': padding(150) },
    },
  });
  return { kind: 'task', id, record };
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

/** Returns the sender of the burst that begins with this event. */
function turnOf<T>(connections: readonly T[], first: number): T {
  const connection = connections[(first / burst) % connections.length];
  if (connection === undefined) throw new RangeError(`${first} is no beginning of a burst`);
  return connection;
}

async function createJobs(url: string, cell: string, tasks: number): Promise<void> {
  const store = await openStore({ url, cell });
  const jobs = Array.from({ length: Math.ceil(tasks / tasksPerJob) }, (_, index) => index);
  const writes = jobs.flatMap((job) => [
    ...jobWrites(job),
    ...Array.from({ length: tasksPerJob }, (_, slot) => taskWrite(job * tasksPerJob + slot)),
  ]);
  for (let at = 0; at < writes.length; at += writesPerCommit)
    await store.commit({ actor: 'bench', writes: writes.slice(at, at + writesPerCommit) });
  await store.close();
}

/**
 * Creates a cell with this number of tasks, in jobs of ten. A burst is a commit with the commands that a
 * store sends.
 */
export async function startBerth(url: string, cell: string, tasks: number): Promise<Sender> {
  await createJobs(url, cell, tasks);
  const connections = Array.from(
    { length: writers },
    () => new Redis(url, { scripts: { ...scripts }, replyMapping: 'legacy' }) as ScriptedRedis,
  );
  const keys = cellKeys(cell);
  const bursts = new BurstPool(tasks, (first) =>
    packWrites(
      Array.from({ length: burst }, (_, index) => {
        const { kind, id, record } = taskWrite((first + index) % tasks);
        return { field: fieldOf(kind, id), bytes: encodeRecord(kind, record) };
      }),
    ),
  );
  return (first) =>
    bursts.use(first, async (packed) => {
      const commit = emptyCommit();
      const { keys: named, args } = commitArguments(commit, keys, logLength);
      // Its writes are the one argument that is no text.
      const filled = args.map((arg) => (Buffer.isBuffer(arg) ? packed : arg));
      const redis = turnOf(connections, first);
      const result = commitResult(await redis.berthCommit(named.length, ...named, ...filled), commit);
      if (!result.ok) throw new Error(JSON.stringify(result));
    });
}

function emptyCommit(): PreparedCommit {
  return {
    commitId: randomUUID(),
    actor: 'bench',
    writes: [],
    expects: [],
    assignments: new Map(),
    claims: [],
    releaseClaims: [],
    archive: [],
    forgottenAgents: [],
  };
}

/**
 * A burst is one transaction of puts. The call is built by hand, since a gRPC client would cost as much as
 * etcd itself.
 */
export function startEtcd(port: number, tasks: number): Sender {
  const sessions = Array.from({ length: writers }, () => connect(`http://127.0.0.1:${port}`));
  const bursts = new BurstPool(tasks, (first) =>
    messageOf(
      Array.from({ length: burst }, (_, index) => {
        const put = [field(1, `t${(first + index) % tasks}`), field(2, `${nowMark()}${padding(40)}`)];
        return field(2, field(2, Buffer.concat(put)));
      }),
    ),
  );
  return (first) =>
    bursts.use(first, (message) => call(turnOf(sessions, first), '/etcdserverpb.KV/Txn', message));
}

/** A message in these parts, framed as gRPC does. */
function messageOf(parts: readonly Buffer[]): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(
    parts.reduce((sum, { length }) => sum + length, 0),
    1,
  );
  return Buffer.concat([prefix, ...parts]);
}

/** Resolves once the call has succeeded and the message is no longer needed. The answer is not read. */
function call(session: ClientHttp2Session, path: string, message: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    const stream = session.request({
      [constants.HTTP2_HEADER_METHOD]: 'POST',
      [constants.HTTP2_HEADER_PATH]: path,
      [constants.HTTP2_HEADER_CONTENT_TYPE]: 'application/grpc+proto',
      [constants.HTTP2_HEADER_TE]: 'trailers',
    });
    const settle = (headers: IncomingHttpHeaders) => {
      const { 'grpc-status': status, 'grpc-message': message } = headers;
      if (status === '0') resolve();
      else if (status !== undefined) reject(new Error(`etcd answered ${String(status)}: ${String(message)}`));
    };
    // An error may come in the place of headers, without trailers.
    stream.on('response', settle).on('trailers', settle).on('error', reject).resume();
    stream.end(message);
  });
}
