import {
  Assignment,
  ClusterRecord,
  SampleBatch,
  TaskRecord,
  TaskReport,
} from '@berth/shared/gen/berth/v1/store';
import { State } from '@berth/shared/gen/netflix/titus/titus_job_api';
import type { CommitRequest, CommitResult, LogEntry, LogHead, LogReader, Write } from '@berth/store';

/** The log before its first entry. */
export const logStart: LogHead = { revision: 0, commitId: '' };

/** A write of a cluster; its versions differ in `createdAtMs`. */
export function cluster(id: string, version = 1, expectedRevision?: number): Write {
  const record = ClusterRecord.fromPartial({ id, enabled: true, createdAtMs: version });
  return { kind: 'cluster', id, record, ...(expectedRevision === undefined ? {} : { expectedRevision }) };
}

export function removal(id: string, expectedRevision?: number): Write {
  return { kind: 'cluster', id, ...(expectedRevision === undefined ? {} : { expectedRevision }) };
}

export function task(id: string, jobId: string, version = 1): Write {
  return { kind: 'task', id, record: TaskRecord.fromPartial({ task: { id }, jobId, createdAtMs: version }) };
}

/** A write of a task on an agent. It has not run if `runningAtMs` is 0. */
export function taskOn(agentId: string, id: string, runningAtMs: number): Write {
  const record = TaskRecord.fromPartial({ task: { id }, jobId: 'j', agentId, runningAtMs });
  return { kind: 'task', id, record };
}

export function assignment(taskId: string): Assignment {
  return Assignment.fromPartial({ taskId, jobId: 'job' });
}

export function report(taskId: string, state: State = State.RUNNING): TaskReport {
  return TaskReport.fromPartial({ agentId: 'agent', taskId, state });
}

/** A sample of task `t` of the agent. Batches differ in `value`. */
export function sampleBatch(value: number, agentId = 'agent'): SampleBatch {
  const sample = { taskId: 't', atMs: 1_000, values: { CPUUtilization: value, 'queue_length{lane="a"}': 3 } };
  return SampleBatch.fromPartial({ agentId, samples: [sample] });
}

/** A request with these writes. */
export function request(writes: readonly Write[], more: Partial<CommitRequest> = {}): CommitRequest {
  return { actor: 'test', writes, ...more };
}

/** Returns the result of a commit, which must have succeeded. */
export function applied(result: CommitResult): Extract<CommitResult, { ok: true }> {
  if (!result.ok) throw new Error(`the commit was refused: ${JSON.stringify(result)}`);
  return result;
}

/** Returns all entries after a point, up to the present head. */
export async function readAll(reader: LogReader, from: LogHead = logStart): Promise<readonly LogEntry[]> {
  const head = await reader.head();
  const entries: LogEntry[] = [];
  let at = from;
  while (at.revision < head.revision) {
    const read = await reader.readLog(at, 0);
    if (!read.ok) throw new Error(`the log was ${read.reason}`);
    entries.push(...read.entries);
    at = entries.at(-1) ?? at;
  }
  return entries;
}

/** Returns the fields of all entities with their revisions. */
export async function scanAll(reader: LogReader): Promise<ReadonlyMap<string, number>> {
  const entities = new Map<string, number>();
  for await (const batch of reader.scan()) {
    for (const { field, revision } of batch) entities.set(field, revision);
  }
  return entities;
}
