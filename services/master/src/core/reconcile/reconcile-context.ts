import type { TaskRecord } from '@berth/shared/gen/berth/v1/store';
import type { Limits } from '../task/limits.js';

/** The inputs of a reconcile pass over one job, beside the job. */
export interface ReconcileContext {
  readonly nowMs: number;
  readonly limits: Limits;
  /** Deadlines that pass before this time are judged at this time: reports may still be on their way. */
  readonly patienceUntilMs: number;
  /** The number of entities that the decision may write; the rest is left to the next pass. */
  readonly maxWrites: number;
  /**
   * Reserves capacity elsewhere for another task like this one; true if there is any. Absent: there always
   * is.
   */
  readonly findCapacity?: (task: TaskRecord) => boolean;
  /** True if another task on the agent waits for the capacity of this one; absent: no task does. */
  readonly isAwaited?: (task: TaskRecord) => boolean;
}
