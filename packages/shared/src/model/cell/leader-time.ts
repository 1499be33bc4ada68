/*
 * Times that a leader stored by its own clock. If that clock ran ahead, they lie in the future. A time of
 * something that has happened cannot lie there: beyond a tolerance it binds nobody, and the next leader sets
 * it back.
 */

/** The clocks of masters differ by less than this, unless one of them is wrong. */
export const clockToleranceMs = 60_000;

/** True if a clock that ran ahead stored this time of something that has happened. */
export function isAhead(atMs: number, nowMs: number): boolean {
  return atMs > nowMs + clockToleranceMs;
}
