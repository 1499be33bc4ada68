import { type JobRecord, JobStatusRecord, type TaskRecord } from '@berth/shared/gen/berth/v1/store';
import { jobKind, jobState } from '@berth/shared/model/job/job';
import { isFinishedCode } from '@berth/shared/model/task/failure';
import { formatReason } from '@berth/shared/model/task/reason';
import {
  findState,
  isTaskLive,
  isTerminal,
  mayMove,
  State,
  stateName,
  taskState,
  toRfc3339,
} from '@berth/shared/model/task/task-state';
import { countSlots } from '../slots/batch.js';
import { stopOfJob } from './job-end.js';

type SlotCounts = ReturnType<typeof countSlots>;

interface StatusChange {
  readonly state: State;
  readonly reason: string;
}

/** Returns the status of a job before the master has written any. */
export function initialStatus(job: JobRecord): JobStatusRecord {
  return JobStatusRecord.fromPartial({
    jobId: job.id,
    state: { state: State.QUEUED, reason: '' },
    stateChanges: [{ state: stateName(State.QUEUED), timestamp: toRfc3339(job.createdAtMs) }],
  });
}

/**
 * Returns the job's status by its tasks: the furthest state of any of them, then the end of the job. It never
 * goes back. Returns the same object if nothing changes.
 */
export function advanceStatus(
  status: JobStatusRecord,
  job: JobRecord,
  tasks: readonly TaskRecord[],
  nowMs: number,
): JobStatusRecord {
  const end = endOfJob(job, tasks, nowMs);
  return moveStatus(status, end ?? { state: furthest(tasks), reason: '' }, nowMs);
}

/**
 * Returns the job's status once one of its live tasks has reached the state; the same object if nothing
 * changes.
 */
export function reachState(status: JobStatusRecord, state: State, nowMs: number): JobStatusRecord {
  return moveStatus(status, { state, reason: '' }, nowMs);
}

function moveStatus(status: JobStatusRecord, next: StatusChange, nowMs: number): JobStatusRecord {
  if (!mayMove(jobState(status), next.state)) return status;
  const change = { state: stateName(next.state), timestamp: toRfc3339(nowMs) };
  return {
    ...status,
    state: next,
    stateChanges: [...status.stateChanges, change],
    finishedAtMs: isTerminal(next.state) ? nowMs : 0,
  };
}

function furthest(tasks: readonly TaskRecord[]): State {
  let most: State = State.QUEUED;
  for (const task of tasks) {
    const reached = reachedState(task);
    if (reached > most) most = reached;
  }
  return most;
}

/** Returns the last state of the task's life, its end aside. */
function reachedState(task: TaskRecord): State {
  if (isTaskLive(task)) return taskState(task);
  if (task.runningAtMs > 0) return State.RUNNING;
  return findState(task.task?.stateChanges.at(-2)?.state ?? '') ?? State.QUEUED;
}

/** Returns the end of the job, once no work is left; undefined before. */
function endOfJob(job: JobRecord, tasks: readonly TaskRecord[], nowMs: number): StatusChange | undefined {
  if (tasks.some(isTaskLive)) return undefined;
  const stop = stopOfJob(job, nowMs);
  if (stop !== undefined) {
    const state = isFinishedCode(stop.code) ? State.FINISHED : State.FAILED;
    return { state, reason: formatReason(stop.code, stop.text) };
  }
  if (job.descriptor === undefined || jobKind(job.descriptor) !== 'batch') return undefined;
  return endOfSlots(countSlots(job.descriptor, tasks));
}

/** A failure weighs more than a kill: a job with both has FAILED. */
function endOfSlots({ desired, ended, killed, failed }: SlotCounts): StatusChange | undefined {
  if (ended < desired) return undefined;
  const first = failed[0];
  if (first === undefined) {
    if (killed === 0) return { state: State.FINISHED, reason: 'normal' };
    const text = desired === 1 ? '' : `${killed} of ${desired} tasks ended by a kill`;
    return { state: State.FINISHED, reason: formatReason('killed', text) };
  }
  const givenUp = first.stop?.code === 'killed' ? '; it was killed, so it is not tried again' : '';
  const text = `${failed.length} of ${desired} tasks failed; task ${first.task?.id}: ${first.task?.state?.reason}${givenUp}`;
  return { state: State.FAILED, reason: formatReason('failed', text) };
}
