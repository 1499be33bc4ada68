import { BerthError } from '@berth/shared/model/errors/errors';
import type { Clock } from '@berth/shared/process/clock';
import { linkAbort } from '@berth/shared/process/linked-abort';

/** The two ends of a wait. */
export interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** The bounds of a wait: a time, and a signal that ends it early. */
export interface WaitLimit {
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly signal?: AbortSignal;
}

/**
 * Waits until one of the waiter's ends is called. `enter` keeps the waiter and returns the function that
 * forgets it. Rejects with BerthError `deadlineExceeded` after the time limit, and with the signal's reason
 * once it aborts.
 */
export async function boundedWait(
  enter: (waiter: Waiter) => () => void,
  revision: number,
  { timeoutMs, clock, signal }: WaitLimit,
): Promise<void> {
  signal?.throwIfAborted();
  const settled = linkAbort(signal);
  let forget = () => {};
  let timer: Promise<void> | undefined;
  const promise = new Promise<void>((resolve, reject) => {
    forget = enter({ resolve, reject });
    timer = clock.sleep(timeoutMs, settled.signal).then(() => {
      reject(signal?.aborted ? signal.reason : tooLate(revision, timeoutMs));
    });
  });
  try {
    await promise;
  } finally {
    settled.end();
    forget();
    await timer;
  }
}

function tooLate(revision: number, timeoutMs: number): BerthError {
  return new BerthError(
    'deadlineExceeded',
    `Revision ${revision} was not reached within ${timeoutMs} ms; try again.`,
  );
}
