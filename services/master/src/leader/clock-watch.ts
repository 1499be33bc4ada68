import { isAhead } from '@berth/shared/model/cell/leader-time';
import type { Clock } from '@berth/shared/process/clock';

const checkEveryMs = 1000;

/**
 * Resolves once the clock was set back, or the signal aborts. All that the loops of a leader hold in memory
 * then counts from a future, so that they begin anew.
 */
export async function watchClock(clock: Clock, signal: AbortSignal): Promise<void> {
  let lastMs = clock.nowMs();
  while (!signal.aborted) {
    await clock.sleep(checkEveryMs, signal);
    const nowMs = clock.nowMs();
    if (isAhead(lastMs, nowMs)) return;
    lastMs = nowMs;
  }
}
