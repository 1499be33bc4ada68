import { type JobRecord, JobStatusRecord, type TaskRecord } from '@berth/shared/gen/berth/v1/store';
import { jobKind, jobState } from '@berth/shared/model/job/job';
import { formatReason, isFinishedCode } from '@berth/shared/model/task/reason';
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

interface Standing {
  readonly state: State;
  readonly reason: string;
}

/** The job's status before the master has said anything of it. */
export function initialStatus(job: JobRecord): JobStatusRecord {
  return JobStatusRecord.fromPartial({
    jobId: job.id,
    state: { state: State.QUEUED, reason: '' },
    stateChanges: [{ state: stateName(State.QUEUED), timestamp: toRfc3339(job.createdAtMs) }],
  });
}

/**
 * The job's status given its tasks: the furthest that any of them has got, then how it all ended. It never goes back.
 * The same object where nothing changes.
 */
export function advanceStatus(
  status: JobStatusRecord,
  job: JobRecord,
  tasks: readonly TaskRecord[],
  nowMs: number,
): JobStatusRecord {
  const end = standingAtEnd(job, tasks, nowMs);
  return moveStatus(status, end ?? { state: furthest(tasks), reason: '' }, nowMs);
}

/** The job's status once one of its live tasks has reached the state; the same object where that is nothing new. */
export function reachState(status: JobStatusRecord, state: State, nowMs: number): JobStatusRecord {
  return moveStatus(status, { state, reason: '' }, nowMs);
}

function moveStatus(status: JobStatusRecord, next: Standing, nowMs: number): JobStatusRecord {
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

/** The last state of the task's life, its end aside. */
function reachedState(task: TaskRecord): State {
  if (isTaskLive(task)) return taskState(task);
  if (task.runningAtMs > 0) return State.RUNNING;
  return findState(task.task?.stateChanges.at(-2)?.state ?? '') ?? State.QUEUED;
}

/** How the job ends, once nothing of it is left to do; undefined while something is. */
function standingAtEnd(job: JobRecord, tasks: readonly TaskRecord[], nowMs: number): Standing | undefined {
  if (tasks.some(isTaskLive)) return undefined;
  const stop = stopOfJob(job, nowMs);
  if (stop !== undefined) {
    const state = isFinishedCode(stop.code) ? State.FINISHED : State.FAILED;
    return { state, reason: formatReason(stop.code, stop.text) };
  }
  if (job.descriptor === undefined || jobKind(job.descriptor) !== 'batch') return undefined;
  const { desired, done, failed } = countSlots(job.descriptor, tasks);
  if (done < desired) return undefined;
  const first = failed[0];
  if (first === undefined) return { state: State.FINISHED, reason: 'normal' };
  const text = `${failed.length} of ${desired} tasks failed; task ${first.task?.id}: ${first.task?.state?.reason}`;
  return { state: State.FAILED, reason: formatReason('failed', text) };
}
