import { JobStatusRecord, type JobRecord, type TaskRecord } from '@berth/shared/gen/berth/v1/store';
import { jobKind, jobState } from '@berth/shared/model/job';
import { formatReason } from '@berth/shared/model/reason';
import { isTaskLive, mayMove, State, stateName, taskState, toRfc3339 } from '@berth/shared/model/task-state';
import { countSlots } from './batch.js';
import type { Limits } from './limits.js';

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
  settings: { readonly nowMs: number; readonly limits: Limits },
): JobStatusRecord {
  const end = standingAtEnd(job, tasks, settings.limits);
  const next = end ?? { state: furthest(tasks), reason: '' };
  if (!mayMove(jobState(status), next.state)) return status;
  const change = { state: stateName(next.state), timestamp: toRfc3339(settings.nowMs) };
  return {
    ...status,
    state: next,
    stateChanges: [...status.stateChanges, change],
    finishedAtMs: end === undefined ? 0 : settings.nowMs,
  };
}

function furthest(tasks: readonly TaskRecord[]): State {
  return tasks.reduce<State>((most, task) => {
    const reached = reachedState(task);
    return reached > most ? reached : most;
  }, State.QUEUED);
}

function reachedState(task: TaskRecord): State {
  if (isTaskLive(task)) return taskState(task);
  if (task.runningAtMs > 0) return State.RUNNING;
  return task.agentId === '' ? State.QUEUED : State.DISPATCHED;
}

/** How the job ends, once nothing of it is left to do; undefined while something is. */
function standingAtEnd(job: JobRecord, tasks: readonly TaskRecord[], limits: Limits): Standing | undefined {
  if (job.kill !== undefined) return tasks.some(isTaskLive) ? undefined : { state: State.FINISHED, reason: 'killed' };
  if (job.descriptor === undefined || jobKind(job.descriptor) !== 'batch') return undefined;
  const { desired, done, failed } = countSlots(job.descriptor, tasks, limits);
  if (done < desired) return undefined;
  const first = failed[0];
  if (first === undefined) return { state: State.FINISHED, reason: 'normal' };
  const text = `${failed.length} of ${desired} tasks failed; task ${first.task?.id}: ${first.task?.state?.reason}`;
  return { state: State.FAILED, reason: formatReason('failed', text) };
}
