import type { CommitChanges } from '@berth/shared/model/cell/change';
import { LeadershipOverError } from '../commit/leader-committer.js';

/** A loop of a leader that observes the cell and commits changes to it. */
export interface Controller {
  /** Names the loop in logs. */
  readonly name: string;
  /** Takes in the changes of a commit; wakes the loop if they are work for it. */
  take(commit: CommitChanges): void;
  /** Ends the present sleep of the loop. */
  wake(): void;
  /**
   * Runs until the signal aborts. Rejects with LeadershipOverError when the store takes
   * no more commits of this leadership. Waits out all other
   * failures that may pass by themselves.
   */
  run(signal: AbortSignal): Promise<void>;
}

/**
 * Returns true if the loop ends after this error, because its signal has aborted. A LeadershipOverError is
 * thrown on.
 */
export function endsLoop(error: unknown, signal: AbortSignal): boolean {
  if (error instanceof LeadershipOverError) throw error;
  return signal.aborted;
}
