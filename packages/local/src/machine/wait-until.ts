import { elapsedMs, systemClock } from '@berth/shared/process/clock';

interface WaitOptions {
  /** The awaited condition, for the error. */
  readonly what: string;
  readonly timeoutMs: number;
  readonly everyMs?: number;
  /** Ends the wait with this signal's reason. */
  readonly signal?: AbortSignal;
}

const defaultEveryMs = 25;

/**
 * Asks `condition` again and again until it is true. Rejects after `timeoutMs`, or as soon as `condition`
 * throws.
 */
export async function waitUntil(
  condition: () => boolean | Promise<boolean>,
  options: WaitOptions,
): Promise<void> {
  const deadline = elapsedMs(systemClock) + options.timeoutMs;
  for (;;) {
    options.signal?.throwIfAborted();
    if (await condition()) return;
    if (elapsedMs(systemClock) >= deadline)
      throw new Error(`${options.what}: not after ${options.timeoutMs} ms`);
    await systemClock.sleep(options.everyMs ?? defaultEveryMs);
  }
}
