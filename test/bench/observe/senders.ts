/*
 * How the load sends a burst. Each change is encoded once, before anything is measured, and has the time of its sending put into it
 * as it is sent: the load shares the machine with what it measures.
 */
import { randomUUID } from 'node:crypto';
import { type ClientHttp2Session, connect, constants, type IncomingHttpHeaders } from 'node:http2';
import { JobRecord, JobStatusRecord, TaskRecord } from '@berth/shared/gen/berth/v1/store';
import { JobDescriptor, State } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { toRfc3339 } from '@berth/shared/model/task-state';
import { encodeRecord, fieldOf } from '@berth/shared/store/codec';
import { cellKeys } from '@berth/shared/store/keys';
import { defaultLogLength } from '@berth/shared/store/limits';
import type { PreparedCommit } from '@berth/shared/store/prepared-commit';
import { commitArguments, commitResult } from '@berth/shared/store/redis-commit';
import { type ScriptedRedis, scripts } from '@berth/shared/store/redis-scripts';
import { RedisStore } from '@berth/shared/store/redis-store';
import type { Write } from '@berth/shared/store/store';
import { Redis } from 'ioredis';
import { burst, inFlight, valueBytes } from './protocol.js';
import { field, nowMark, timeMark } from './wire.js';

/** Sends the burst that begins with this event, and resolves once it is acknowledged. */
export type Sender = (first: number) => Promise<void>;

const tasksPerJob = 10;
const writesPerCommit = 500;
/**
 * Those who write take turns, each on a connection of its own: as many as bursts are in flight, so that none waits for another's.
 * Of one connection Redis takes hardly more than a commit in each turn of its loop, and syncs its file in each.
 */
const writers = inFlight;
const maxKept = 1_000;

/** What `make` gives for each number, made once for those that fit into a bounded memory. */
function kept<T>(make: (index: number) => T): (index: number) => T {
  const all = new Map<number, T>();
  return (index) => {
    const known = all.get(index);
    if (known !== undefined) return known;
    const made = make(index);
    if (all.size < maxKept) all.set(index, made);
    return made;
  };
}

/** A copy of the bytes with this time in them. */
function stamped(bytes: Buffer, mark: string): Buffer {
  const copy = Buffer.from(bytes);
  copy.write(mark, bytes.indexOf(timeMark), 'latin1');
  return copy;
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

/** Who sends the burst that begins with this event. */
function turnOf<T>(connections: readonly T[], first: number): T {
  const connection = connections[(first / burst) % connections.length];
  if (connection === undefined) throw new RangeError(`${first} is no beginning of a burst`);
  return connection;
}

async function createJobs(url: string, cell: string, tasks: number): Promise<void> {
  const store = await RedisStore.connect({ url, cell });
  const jobs = Array.from({ length: Math.ceil(tasks / tasksPerJob) }, (_, index) => index);
  const writes = jobs.flatMap((job) => [
    ...jobWrites(job),
    ...Array.from({ length: tasksPerJob }, (_, slot) => taskWrite(job * tasksPerJob + slot)),
  ]);
  for (let at = 0; at < writes.length; at += writesPerCommit)
    await store.commit({ actor: 'bench', writes: writes.slice(at, at + writesPerCommit) });
  await store.close();
}

/** Makes a cell of so many tasks, in jobs of ten. A burst is a commit: the commands are those that a store sends. */
export async function startBerth(url: string, cell: string, tasks: number): Promise<Sender> {
  await createJobs(url, cell, tasks);
  const connections = Array.from(
    { length: writers },
    () => new Redis(url, { scripts: { ...scripts }, replyMapping: 'legacy' }) as ScriptedRedis,
  );
  const keys = cellKeys(cell);
  const encoded = kept((index) => {
    const { kind, id, record } = taskWrite(index);
    const bytes = Buffer.from(encodeRecord(kind, record));
    return { kind, id, field: fieldOf(kind, id), expectedRevision: undefined, bytes };
  });
  return async (first) => {
    const mark = nowMark();
    const writes = Array.from({ length: burst }, (_, index) => {
      const write = encoded((first + index) % tasks);
      return { ...write, bytes: stamped(write.bytes, mark) };
    });
    const prepared = commitOf(writes);
    const { keys: named, args } = commitArguments(prepared, keys, defaultLogLength);
    const redis = turnOf(connections, first);
    const result = commitResult(await redis.berthCommit(named.length, ...named, ...args), prepared);
    if (!result.ok) throw new Error(JSON.stringify(result));
  };
}

function commitOf(writes: PreparedCommit['writes']): PreparedCommit {
  return {
    commitId: randomUUID(),
    actor: 'bench',
    writes,
    expects: [],
    assignments: new Map(),
    claims: [],
    releaseClaims: [],
    archive: [],
    forgottenAgents: [],
  };
}

/** A burst is a transaction of as many puts; a client of gRPC would cost as much as etcd itself, so the call is made by hand. */
export function startEtcd(port: number, tasks: number): Sender {
  const sessions = Array.from({ length: writers }, () => connect(`http://127.0.0.1:${port}`));
  const encoded = kept((index) => {
    const value = `${nowMark()}${padding(40)}`;
    const put = Buffer.concat([field(1, `t${index}`), field(2, value)]);
    return field(2, field(2, put));
  });
  return async (first) => {
    const mark = nowMark();
    const puts = Array.from({ length: burst }, (_, index) => stamped(encoded((first + index) % tasks), mark));
    await call(turnOf(sessions, first), '/etcdserverpb.KV/Txn', puts);
  };
}

/** Resolves once the call has ended well; what it is answered is not looked at. */
function call(session: ClientHttp2Session, path: string, parts: readonly Buffer[]): Promise<void> {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(
    parts.reduce((sum, { length }) => sum + length, 0),
    1,
  );
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
    stream.end(Buffer.concat([prefix, ...parts]));
  });
}
