import { BerthError } from '@berth/shared/model/errors';
import type { Clock } from '@berth/shared/process/clock';
import type { Replica } from '@berth/shared/store/replica';
import type { StoreHead } from './store-head.js';

/** A checkpoint that the store does not answer is tried again after this. */
const checkpointRetryMs = 200;
/** How long a checkpoint waits for this gateway to see what the store has, before it asks the store again. */
const checkpointWaitMs = 5_000;

/** Where it is known what is committed, and what of it this gateway has seen. */
interface Sight {
  readonly storeHead: StoreHead;
  readonly cell: { readonly replica: Replica };
  readonly clock: Clock;
}

/** Resolves once this gateway has seen all that was committed before the call; tries again while it cannot know. */
export async function seeWhatIsCommitted(
  { storeHead, cell, clock }: Sight,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    try {
      const { revision } = await storeHead.read();
      return await cell.replica.waitFor(revision, checkpointWaitMs, signal);
    } catch (error) {
      const isPassing =
        error instanceof BerthError && ['unavailable', 'deadlineExceeded'].includes(error.code);
      if (signal.aborted || !isPassing) throw error;
      await clock.sleep(checkpointRetryMs, signal);
    }
  }
}
