/** A job of a registered kind as job.v1 tells of it. */
import type { TaskRecord } from '@berth/shared/gen/berth/v1/store';
import type { Timestamp } from '@berth/shared/gen/google/protobuf/timestamp';
import { type JobInstance, JobState } from '@berth/shared/gen/job/v1/job_service';
import type { FieldViolation } from '@berth/shared/model/errors/errors';
import { jobState } from '@berth/shared/model/job/job';
import { codeOf, type ReasonCode } from '@berth/shared/model/task/reason';
import { isTerminal, State, stateName, taskReasonCode, taskState } from '@berth/shared/model/task/task-state';
import type { JobWithTasks } from '../../gateway/core/job-with-tasks.js';

/** The states in which nothing changes any more. */
export const finalStates = JobState.CANCELLED | JobState.TIMED_OUT | JobState.COMPLETED | JobState.TERMINATED;

/** Every state. */
const allFlags = JobState.CREATED | JobState.SCHEDULED | JobState.PROCESSING | finalStates;

/** What the results of one instance fill at most, in bytes: so that an answer holds any instance with all else that it tells. */
export const maxResultBytes = 2.5 * 1024 * 1024;
/** What a line takes on the wire beside its text. */
const lineOverheadBytes = 4;

/** The public message of an instance of that kind. */
export function composeInstance(job: JobWithTasks, kind: string): JobInstance {
  const { record } = job.job;
  const newest = newestTasks(job);
  const state = instanceState(job);
  const [queuedAt, ranAt] = [whenQueued(job), whenRan(job)].map(timestampAt);
  const error = (state & (JobState.TERMINATED | JobState.TIMED_OUT)) === 0 ? undefined : errorOf(job, newest);
  return {
    kind,
    uuid: record.id,
    state,
    arguments: record.arguments,
    results: resultsOf(newest),
    ...(error === undefined ? {} : { error }),
    createdAt: timestampOf(record.createdAtMs),
    ...(queuedAt === undefined ? {} : { scheduledAt: queuedAt }),
    ...(ranAt === undefined ? {} : { processedAt: ranAt }),
    ...endOf(job, state),
    attempts: Math.max(0, ...newest.map(attemptsOf)),
  };
}

/**
 * How the instance stands. A kill is the last word on a job from the moment that it is wanted: so CANCELLED is told at
 * once, while its containers may still have their grace.
 */
export function instanceState(job: JobWithTasks): JobState {
  const status = job.status?.record;
  const state = jobState(status);
  if (!isTerminal(state)) {
    if (job.job.record.kill !== undefined) return JobState.CANCELLED;
    if (state === State.RUNNING) return JobState.PROCESSING;
    return status === undefined && job.tasks.length === 0 ? JobState.CREATED : JobState.SCHEDULED;
  }
  const newest = newestTasks(job);
  const failed = newest.filter((task) => taskState(task) === State.FAILED);
  if (state === State.FAILED) {
    const isTimedOut = failed.length > 0 && failed.every((task) => endedBy(task, 'runtimeLimitExceeded'));
    return isTimedOut ? JobState.TIMED_OUT : JobState.TERMINATED;
  }
  const isKilled = codeOf(status?.state?.reason ?? '') === 'killed' || newest.some(isKilledTask);
  return isKilled ? JobState.CANCELLED : JobState.COMPLETED;
}

/** Whether the state is among the flags; 0 stands for any. */
export function isAmong(state: JobState, flags: number): boolean {
  return flags === 0 || (state & flags) !== 0;
}

/** What is wrong with flags that a query carries. */
export function flagViolations(flags: number): readonly FieldViolation[] {
  if ((flags & ~allFlags) === 0 && flags >= 0) return [];
  const description = `is ${flags}, which has flags that no state has: all states together are ${allFlags}`;
  return [{ field: 'query.state', description }];
}

/** The names of Berth's own job states that an instance in one of these states can have. */
export function jobStatesOf(flags: number): readonly string[] {
  const queued = [State.QUEUED, State.DISPATCHED, State.STARTING];
  const possible: readonly (readonly [flag: number, states: readonly State[]])[] = [
    [JobState.CREATED, [State.QUEUED]],
    [JobState.SCHEDULED, queued],
    [JobState.PROCESSING, [State.RUNNING]],
    [JobState.CANCELLED, [...queued, State.RUNNING, State.FINISHED]],
    [JobState.COMPLETED, [State.FINISHED]],
    [JobState.TIMED_OUT | JobState.TERMINATED, [State.FAILED]],
  ];
  const states = possible.flatMap(([flag, each]) => ((flag & flags) === 0 ? [] : each));
  return [...new Set(states)].map(stateName);
}

/** A time in milliseconds since the epoch, as Protocol Buffers have it. */
export function timestampOf(atMs: number): Timestamp {
  const seconds = Math.floor(atMs / 1000);
  return { seconds, nanos: (atMs - seconds * 1000) * 1_000_000 };
}

function timestampAt(atMs: number | undefined): Timestamp | undefined {
  return atMs === undefined ? undefined : timestampOf(atMs);
}

/** The newest task of each slot, in the order of the slots. */
function newestTasks({ tasks }: JobWithTasks): readonly TaskRecord[] {
  const bySlot = new Map<number, TaskRecord>();
  for (const { record } of tasks) {
    const known = bySlot.get(record.slot);
    if (known === undefined || known.attempt < record.attempt) bySlot.set(record.slot, record);
  }
  return [...bySlot.values()].sort((a, b) => a.slot - b.slot);
}

/** Of several slots each may leave as much as fits beside nothing else into what clients take. */
function resultsOf(newest: readonly TaskRecord[]): string[] {
  const all = newest.flatMap(({ results }) => results);
  let bytes = 0;
  const cut = all.findIndex((line) => {
    bytes += Buffer.byteLength(line) + lineOverheadBytes;
    return bytes > maxResultBytes;
  });
  return cut < 0 ? all : [...all.slice(0, cut), `[berth: cut off; kept ${cut} of ${all.length} lines]`];
}

/** What waits for an agent has not been tried yet. */
function attemptsOf({ attempt, agentId }: TaskRecord): number {
  return agentId === '' ? attempt : attempt + 1;
}

function endedBy(task: TaskRecord, code: ReasonCode): boolean {
  return taskReasonCode(task) === code;
}

/** A task that failed before its agent got to the kill keeps its own reason, but is not tried again for the kill's sake. */
function isKilledTask(task: TaskRecord): boolean {
  return endedBy(task, 'killed') || (task.stop?.code === 'killed' && taskState(task) === State.FAILED);
}

/** Replaced tasks of a job that goes on leave in time, and its first with them: that was queued as soon as there was the job. */
function whenQueued({ job, tasks }: JobWithTasks): number | undefined {
  const isFirst = ({ slot, attempt }: TaskRecord) => slot === 0 && attempt === 0;
  if (tasks.length > 0 && !tasks.some(({ record }) => isFirst(record))) return job.record.createdAtMs;
  return least(tasks.map(({ record }) => record.createdAtMs));
}

/** A job that is over within one round of the master's never stood in the state of running, though its task did. */
function whenRan({ status, tasks }: JobWithTasks): number | undefined {
  const running = status?.record.stateChanges.find(({ state }) => state === stateName(State.RUNNING));
  const ran = tasks.map(({ record }) => record.runningAtMs).filter((atMs) => atMs > 0);
  return least([...(running === undefined ? [] : [Date.parse(running.timestamp)]), ...ran]);
}

function least(values: readonly number[]): number | undefined {
  return values.length === 0 ? undefined : values.reduce((a, b) => Math.min(a, b));
}

type Ends = Pick<JobInstance, 'completedAt' | 'terminatedAt' | 'cancelledAt' | 'timedOutAt'>;

function endOf({ job, status }: JobWithTasks, state: JobState): Ends {
  const finishedAtMs = status?.record.finishedAtMs ?? 0;
  switch (state) {
    case JobState.COMPLETED:
      return { completedAt: timestampOf(finishedAtMs) };
    case JobState.TERMINATED:
      return { terminatedAt: timestampOf(finishedAtMs) };
    case JobState.TIMED_OUT:
      return { timedOutAt: timestampOf(finishedAtMs) };
    case JobState.CANCELLED:
      return { cancelledAt: timestampOf(job.record.kill?.atMs ?? finishedAtMs) };
    default:
      return {};
  }
}

/** Of a job with one slot its task's own reason; of others how many failed, and the first of them. */
function errorOf({ status }: JobWithTasks, newest: readonly TaskRecord[]): string {
  const [only, ...others] = newest;
  const ofTask = others.length === 0 ? only?.task?.state?.reason : undefined;
  return ofTask ?? status?.record.state?.reason ?? '';
}
