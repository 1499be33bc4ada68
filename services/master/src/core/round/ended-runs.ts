/*
 * The last runs of a cluster whose jobs have left for the archive. Each is cut down to the way it ended, so
 * that a cluster's record has a bounded size, however old its runs are.
 */
import {
  type EndedRun,
  JobRecord,
  JobStatusRecord,
  type TaskRecord,
  TaskRecord as TaskRecords,
} from '@berth/shared/gen/berth/v1/store';
import { JobDescriptor, Task } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { jobKind } from '@berth/shared/model/job/job';
import { codeOf, formatReason } from '@berth/shared/model/task/reason';
import { State, taskReasonCode, taskState } from '@berth/shared/model/task/task-state';

/** The number of kept runs by their outcome. Runs that were killed count like those that ended well. */
export interface KeptRuns {
  readonly endedWell: number;
  readonly failed: number;
}

export const standardKeptRuns: KeptRuns = { endedWell: 5, failed: 10 };

/** The most bytes of a run that is kept. */
export const maxEndedRunBytes = 1024;
/** A text is cut to so many bytes. The two reasons are the only long ones. */
const maxReasonBytes = 200;
const maxNameBytes = 64;

/** Returns the runs that stay kept once one more has ended. The newest is the last. */
export function withEndedRun(before: readonly EndedRun[], run: EndedRun, kept: KeptRuns): EndedRun[] {
  const left = { endedWell: kept.endedWell, killed: kept.endedWell, failed: kept.failed };
  const newestFirst = [run, ...before.filter(({ job }) => job?.id !== run.job?.id).toReversed()];
  return newestFirst.filter((each) => left[outcomeOf(each)]-- > 0).toReversed();
}

function outcomeOf({ job, status }: EndedRun): 'endedWell' | 'killed' | 'failed' {
  const { state = State.FAILED, reason = '' } = status?.state ?? {};
  if (state !== State.FINISHED) return 'failed';
  return codeOf(reason) === 'killed' || job?.kill !== undefined ? 'killed' : 'endedWell';
}

/** Returns the run of a job that has ended, with its tasks. */
export function endedRunOf(job: JobRecord, status: JobStatusRecord, tasks: readonly TaskRecord[]): EndedRun {
  const task = explainingTask(tasks);
  return {
    job: shortJob(job),
    status: shortStatus(status),
    task: task && shortTask(task, { status, isOnly: new Set(tasks.map(({ slot }) => slot)).size === 1 }),
  };
}

function shortJob({
  id,
  clusterId,
  descriptor,
  createdAtMs,
  createdBy,
  fireAtMs,
  kill,
}: JobRecord): JobRecord {
  const kind = descriptor === undefined ? undefined : jobKind(descriptor);
  return JobRecord.fromPartial({
    id,
    clusterId,
    createdAtMs,
    createdBy: cutTo(createdBy, maxNameBytes),
    fireAtMs,
    ...(kill === undefined ? {} : { kill: { atMs: kill.atMs, by: cutTo(kill.by, maxNameBytes) } }),
    descriptor: JobDescriptor.fromPartial(kind === undefined ? {} : { jobSpec: { $case: kind, value: {} } }),
  });
}

function shortStatus({ jobId, state, stateChanges, finishedAtMs }: JobStatusRecord): JobStatusRecord {
  const isKept = ({ state: name }: (typeof stateChanges)[number], place: number) =>
    place === 0 || place === stateChanges.length - 1 || name === 'RUNNING';
  return JobStatusRecord.fromPartial({
    jobId,
    ...(state === undefined ? {} : { state: { ...state, reason: cutTo(state.reason, maxReasonBytes) } }),
    stateChanges: stateChanges.filter(isKept),
    finishedAtMs,
  });
}

/** The reason of one task of many is that of the whole job, which counts them. */
function shortTask(
  task: TaskRecord,
  { status, isOnly }: { readonly status: JobStatusRecord; readonly isOnly: boolean },
): TaskRecord {
  const { jobId, slot, attempt, agentId, createdAtMs, runningAtMs, finishedAtMs, stop } = task;
  const reason = isOnly
    ? (task.task?.state?.reason ?? '')
    : formatReason(taskReasonCode(task), status.state?.reason ?? '');
  return TaskRecords.fromPartial({
    task: Task.fromPartial({
      id: task.task?.id ?? '',
      state: { state: taskState(task), reason: cutTo(reason, maxReasonBytes) },
    }),
    jobId,
    slot,
    attempt,
    agentId: cutTo(agentId, maxNameBytes),
    createdAtMs,
    runningAtMs,
    finishedAtMs,
    ...(stop === undefined ? {} : { stop: { code: stop.code, atMs: stop.atMs } }),
  });
}

/** Returns the last task that failed, one beyond its runtime limit only if all are; else the last task. */
function explainingTask(tasks: readonly TaskRecord[]): TaskRecord | undefined {
  const kept = tasks.filter(({ replaced }) => !replaced);
  const failed = kept.filter((task) => taskState(task) === State.FAILED);
  const other = failed.findLast((task) => taskReasonCode(task) !== 'runtimeLimitExceeded');
  return other ?? failed.at(-1) ?? kept.at(-1) ?? tasks.at(-1);
}

function cutTo(text: string, maxBytes: number): string {
  const encoder = new TextEncoder();
  if (encoder.encode(text).length <= maxBytes) return text;
  let [cut, bytes] = ['', encoder.encode('…').length];
  for (const char of text) {
    bytes += encoder.encode(char).length;
    if (bytes > maxBytes) break;
    cut += char;
  }
  return `${cut}…`;
}
