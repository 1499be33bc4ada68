import type { Limits } from './limits.js';

/** What one look at a job depends on beside the job. */
export interface Pass {
  readonly nowMs: number;
  readonly limits: Limits;
  /** Deadlines that pass before this time are judged at this time: reports may still be on their way. */
  readonly patienceUntilMs: number;
  /** Entities that the decision may write; what does not fit is left to the next look. */
  readonly maxWrites: number;
}
