import { BerthError } from '@berth/shared/model/errors/errors';
import type { Clock } from '@berth/shared/process/clock';
import type { RecentCommits } from '@berth/store/recent';
import type { Replica } from '@berth/store/replica';
import type { StoreHead } from './store-head.js';

/** A checkpoint that the store does not answer is tried again after this. */
const checkpointRetryMs = 200;
/**
 * A checkpoint waits so long for this gateway to see the store's last commit. Then it asks the store again.
 */
const checkpointWaitMs = 5_000;

/** The limit of unsent checkpoints of a stream. Its caller's next request is read only below the limit. */
const mostWaiting = 100;
/** The longest id that a checkpoint may have, in UTF-16 code units. */
const longestId = 256;

/** The store's last commit, and the commits that this gateway has seen. */
interface CommittedView {
  readonly storeHead: StoreHead;
  readonly history: { readonly replica: Replica; readonly recent: RecentCommits };
  readonly clock: Clock;
}

/**
 * Resolves when this gateway has seen every commit that was made before the call. Tries again while the
 * store does not answer.
 */
export async function waitForCommitted(
  { storeHead, history, clock }: CommittedView,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    try {
      const head = await storeHead.read();
      await history.replica.waitFor(head.revision, checkpointWaitMs, signal);
      // The store may have been set back, and the replica not know it yet: it is ahead, in another history.
      if (history.recent.after(head, 0) !== undefined) return;
      await clock.sleep(checkpointRetryMs, signal);
      signal.throwIfAborted();
    } catch (error) {
      const isPassing =
        error instanceof BerthError && ['unavailable', 'deadlineExceeded'].includes(error.code);
      if (signal.aborted || !isPassing) throw error;
      await clock.sleep(checkpointRetryMs, signal);
    }
  }
}

/** Returns the reason for refusing a checkpoint with this id. Undefined if it is accepted. */
export function refusedCheckpoint(id: string): string | undefined {
  return id.length > longestId ? `must have at most ${longestId} characters, has ${id.length}` : undefined;
}

/** The unsent checkpoints of one stream. They are sent in the order of their requests. */
export class PendingCheckpoints {
  readonly #ids: string[] = [];
  #goOn: (() => void) | undefined;

  get ids(): readonly string[] {
    return this.#ids;
  }

  add(id: string): void {
    this.#ids.push(id);
  }

  sent(id: string): void {
    const at = this.#ids.indexOf(id);
    if (at < 0) return;
    this.#ids.splice(at, 1);
    if (this.#ids.length < mostWaiting) this.#goOn?.();
  }

  /**
   * Resolves when one more checkpoint may wait; for one caller at a time. If the stream ends earlier, the
   * promise never resolves and keeps nothing alive.
   */
  async hasCapacity(): Promise<void> {
    if (this.#ids.length < mostWaiting) return;
    await new Promise<void>((resolve) => {
      this.#goOn = resolve;
    });
    this.#goOn = undefined;
  }
}
