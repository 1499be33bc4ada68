import type { TaskRecord } from '../../gen/berth/v1/store.js';
import type { JobDescriptor } from '../../gen/netflix/titus/titus_job_api.js';
import { isFinishedCode, isSystemCode } from '../task/failure.js';
import { taskReasonCode } from '../task/task-state.js';
import { retryPolicyOf } from './job.js';
import { retryBudgetAfter } from './retry-options.js';

/** The fate of a batch job's slot after the end of its newest task. */
type SlotFate =
  /** The work is done. */
  | 'done'
  /** A caller ended the slot. */
  | 'killed'
  /** The task failed, and no other attempt comes. */
  | 'failed'
  /** Another attempt comes, at once or later. */
  | 'retry';

/**
 * Returns the fate of a slot of a batch job. A caller's kill ends the slot. But it does not change an end
 * that the task had by itself: a task that failed has failed, also if the kill came in the same moment or
 * while the slot waited for its next attempt. A failure of the system's own says nothing of the task, so
 * there the kill decides.
 */
export function batchSlotFate(descriptor: JobDescriptor, ended: TaskRecord): SlotFate {
  const code = taskReasonCode(ended);
  if (code === 'killed') return 'killed';
  if (isFinishedCode(code)) return 'done';
  if (ended.stop?.code === 'killed') return isSystemCode(code) ? 'killed' : 'failed';
  switch (retryBudgetAfter(descriptor, code)) {
    case 'none':
      return 'failed';
    case 'system':
      return 'retry';
    case 'user':
      return ended.userRetries < retryPolicyOf(descriptor).value.retries ? 'retry' : 'failed';
  }
}
