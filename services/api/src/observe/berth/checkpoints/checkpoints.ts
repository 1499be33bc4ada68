import { BerthError } from '@berth/shared/model/errors/errors';
import type { Clock } from '@berth/shared/process/clock';
import type { RecentCommits } from '@berth/store/recent';
import type { Replica } from '@berth/store/replica';
import type { StoreHead } from './store-head.js';

/** A checkpoint that the store does not answer is tried again after this. */
const checkpointRetryMs = 200;
/** How long a checkpoint waits for this gateway to see what the store has, before it asks the store again. */
const checkpointWaitMs = 5_000;

/** Of a stream that is not read so many wait to be told; further ones are not taken from its caller until one of them is. */
const mostWaiting = 100;
/** The longest id that a checkpoint may have, in UTF-16 code units. */
const longestId = 256;

/** Where it is known what is committed, and what of it this gateway has seen. */
interface CommittedView {
  readonly storeHead: StoreHead;
  readonly history: { readonly replica: Replica; readonly recent: RecentCommits };
  readonly clock: Clock;
}

/** Resolves once this gateway has seen all that was committed before the call; tries again while it cannot know. */
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

/** Why a checkpoint of this id is refused; undefined where it is not. */
export function refusedCheckpoint(id: string): string | undefined {
  return id.length > longestId ? `must have at most ${longestId} characters, has ${id.length}` : undefined;
}

/** The checkpoints of one stream that wait to be told. They are told in the order in which they were asked for. */
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

  /** Resolves once one more may wait; one caller at a time. Where the stream ends before, it does not, and keeps nothing. */
  async room(): Promise<void> {
    if (this.#ids.length < mostWaiting) return;
    await new Promise<void>((resolve) => {
      this.#goOn = resolve;
    });
    this.#goOn = undefined;
  }
}
