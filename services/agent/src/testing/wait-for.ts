import { setTimeout as delay } from 'node:timers/promises';

/**
 * Resolves to the first result of `condition` that is neither false nor undefined; rejects after `timeoutMs`.
 */
export async function waitFor<T>(
  condition: () => T | Promise<T>,
  what: string,
  timeoutMs = 8_000,
): Promise<Exclude<T, false | undefined>> {
  const deadlineMs = performance.now() + timeoutMs;
  for (;;) {
    const result = await condition();
    if (result !== false && result !== undefined) return result as Exclude<T, false | undefined>;
    if (performance.now() > deadlineMs) throw new Error(`timed out waiting until ${what}`);
    await delay(2);
  }
}
