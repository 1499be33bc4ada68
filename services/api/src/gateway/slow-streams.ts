import { type CancelTimer, startInterval, systemClock } from '@berth/shared/process/clock';
import type { Logger } from '@berth/shared/process/logger';
import type { OpenStream } from './metrics.js';

const lookEveryMs = 30_000;

/** A stream that is this far behind is worth a line in the log. */
export const slowMs = 10_000;

/** The most streams that one line names. */
const maxNamed = 5;

/** A stream that is far behind, as the log names it. */
interface SlowStream {
  readonly method: string;
  readonly caller: string;
  readonly lagMs: number;
}

/** Logs the callers of streams that are far behind. Returns a function that stops this. */
export function logSlowStreams(streams: ReadonlySet<OpenStream>, log: Logger): CancelTimer {
  return startInterval(systemClock, lookEveryMs, () => {
    const slow = slowStreams(streams);
    if (slow.length === 0) return;
    const details = { streams: slow.length, slowest: slow.slice(0, maxNamed) };
    log.warn(details, 'subscribers read their streams too slowly');
  });
}

/** Returns the streams that are far behind, the slowest first. */
export function slowStreams(streams: Iterable<OpenStream>): readonly SlowStream[] {
  const slow: SlowStream[] = [];
  for (const stream of streams) {
    const lagMs = Math.round(stream.lagMs());
    if (lagMs >= slowMs) slow.push({ method: stream.method, caller: stream.caller, lagMs });
  }
  return slow.sort((a, b) => b.lagMs - a.lagMs);
}
