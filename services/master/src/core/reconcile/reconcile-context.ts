import type { TaskRecord } from '@berth/shared/gen/berth/v1/store';
import type { Limits } from '../task/limits.js';

/** What one look at a job depends on beside the job. */
export interface Pass {
  readonly nowMs: number;
  readonly limits: Limits;
  /** Deadlines that pass before this time are judged at this time: reports may still be on their way. */
  readonly patienceUntilMs: number;
  /** Entities that the decision may write; what does not fit is left to the next look. */
  readonly maxWrites: number;
  /** Whether there is room elsewhere for another task like this one; where it is not given, there always is. */
  readonly findRoom?: (task: TaskRecord) => boolean;
  /** True if another task on the agent waits for the capacity of this one; absent: no task does. */
  readonly isAwaited?: (task: TaskRecord) => boolean;
}
