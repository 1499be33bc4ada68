/** Messages of job.v1 for jobs of registered kinds. */
import type { TaskRecord } from '@berth/shared/gen/berth/v1/store';
import type { Timestamp } from '@berth/shared/gen/google/protobuf/timestamp';
import { type JobInstance, JobState } from '@berth/shared/gen/job/v1/job_service';
import type { FieldViolation } from '@berth/shared/model/errors/errors';
import { jobState } from '@berth/shared/model/job/job';
import { codeOf, type ReasonCode } from '@berth/shared/model/task/reason';
import { isTerminal, State, stateName, taskReasonCode, taskState } from '@berth/shared/model/task/task-state';
import type { JobWithTasks } from '../../gateway/core/job-with-tasks.js';

/** These states are final. */
export const finalStates = JobState.CANCELLED | JobState.TIMED_OUT | JobState.COMPLETED | JobState.TERMINATED;

/** Every state. */
const allFlags = JobState.CREATED | JobState.SCHEDULED | JobState.PROCESSING | finalStates;

/** The most bytes that the results of one instance may have, so that one answer can hold any instance. */
export const maxResultBytes = 2.5 * 1024 * 1024;
/** Bytes of a line on the wire besides its text. */
const lineOverheadBytes = 4;

/** Returns the public message of an instance of that kind. */
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
 * Returns the state of the instance. A requested kill decides it: the state is CANCELLED at once, even while
 * containers use their grace.
 */
export function instanceState(job: JobWithTasks): JobState {
  const status = job.status?.record;
  const state = jobState(status);
  if (!isTerminal(state)) {
    if (job.job.record.kill !== undefined) return JobState.CANCELLED;
    if (state === State.RUNNING) return JobState.PROCESSING;
    return status === undefined && job.tasks.length === 0 ? JobState.CREATED : JobState.SCHEDULED;
  }
  if (state === State.FAILED) {
    const failed = newestTasks(job).filter((task) => taskState(task) === State.FAILED);
    const isTimedOut = failed.length > 0 && failed.every((task) => endedBy(task, 'runtimeLimitExceeded'));
    return isTimedOut ? JobState.TIMED_OUT : JobState.TERMINATED;
  }
  const isKilled = codeOf(status?.state?.reason ?? '') === 'killed';
  return isKilled ? JobState.CANCELLED : JobState.COMPLETED;
}

/** True if the state is among the flags; 0 stands for any state. */
export function isAmong(state: JobState, flags: number): boolean {
  return flags === 0 || (state & flags) !== 0;
}

/** Returns the violations of a query's flags. */
export function flagViolations(flags: number): readonly FieldViolation[] {
  if ((flags & ~allFlags) === 0 && flags >= 0) return [];
  const description = `is ${flags}, which has flags that no state has: all states together are ${allFlags}`;
  return [{ field: 'query.state', description }];
}

/** Returns the job states of Berth's own API that an instance in one of these states can have. */
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

/** Returns a time in milliseconds since the epoch as a Protocol Buffers timestamp. */
export function timestampOf(atMs: number): Timestamp {
  const seconds = Math.floor(atMs / 1000);
  return { seconds, nanos: (atMs - seconds * 1000) * 1_000_000 };
}

function timestampAt(atMs: number | undefined): Timestamp | undefined {
  return atMs === undefined ? undefined : timestampOf(atMs);
}

/** Returns the newest task of each slot, in the order of the slots. */
function newestTasks({ tasks }: JobWithTasks): readonly TaskRecord[] {
  const bySlot = new Map<number, TaskRecord>();
  for (const { record } of tasks) {
    const known = bySlot.get(record.slot);
    if (known === undefined || known.attempt < record.attempt) bySlot.set(record.slot, record);
  }
  return [...bySlot.values()].sort((a, b) => a.slot - b.slot);
}

/** Each slot may have results that fill an answer alone. So the results of several slots are cut. */
function resultsOf(newest: readonly TaskRecord[]): string[] {
  const all = newest.flatMap(({ results }) => results);
  let bytes = 0;
  const cut = all.findIndex((line) => {
    bytes += Buffer.byteLength(line) + lineOverheadBytes;
    return bytes > maxResultBytes;
  });
  return cut < 0 ? all : [...all.slice(0, cut), `[berth: cut off; kept ${cut} of ${all.length} lines]`];
}

/** A task without an agent has not been attempted yet. */
function attemptsOf({ attempt, agentId }: TaskRecord): number {
  return agentId === '' ? attempt : attempt + 1;
}

function endedBy(task: TaskRecord, code: ReasonCode): boolean {
  return taskReasonCode(task) === code;
}

/**
 * Replaced tasks leave the record after a while, the first one, too. The first task was queued when the job
 * was created.
 */
function whenQueued({ job, tasks }: JobWithTasks): number | undefined {
  const isFirst = ({ slot, attempt }: TaskRecord) => slot === 0 && attempt === 0;
  if (tasks.length > 0 && !tasks.some(({ record }) => isFirst(record))) return job.record.createdAtMs;
  return least(tasks.map(({ record }) => record.createdAtMs));
}

/** A job that ends within one round of the master is never RUNNING, though its task was. */
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

/**
 * Returns the task's own reason if the job has one slot. Otherwise it returns the number of failed tasks and
 * the first of them.
 */
function errorOf({ status }: JobWithTasks, newest: readonly TaskRecord[]): string {
  const [only, ...others] = newest;
  const ofTask = others.length === 0 ? only?.task?.state?.reason : undefined;
  return ofTask ?? status?.record.state?.reason ?? '';
}
