import { setTimeout as delay } from 'node:timers/promises';

export interface WaitForOptions {
  /** The awaited condition, for the error "timed out waiting until WHAT". */
  readonly what?: string;
  readonly timeoutMs?: number;
  readonly intervalMs?: number;
}

/**
 * Resolves to the first result of `condition` that is neither false nor undefined. Rejects after `timeoutMs`.
 */
export async function waitFor<T>(
  condition: () => T | Promise<T>,
  options: WaitForOptions = {},
): Promise<Exclude<T, false | undefined>> {
  const { what = 'the condition holds', timeoutMs = 20_000, intervalMs = 10 } = options;
  const deadlineMs = performance.now() + timeoutMs;
  for (;;) {
    const result = await condition();
    if (result !== false && result !== undefined) return result as Exclude<T, false | undefined>;
    if (performance.now() > deadlineMs)
      throw new Error(`timed out after ${timeoutMs} ms waiting until ${what}`);
    await delay(intervalMs);
  }
}
