/*
 * When a cron expression comes in a zone whose clock is put forward and back. An expression that means every hour (its hour
 * is `*`, with or without a step) follows elapsed time: it comes in both passes of an hour that is repeated, and never in
 * one that is left out. Any other means times of the day, each of which comes once a day: in an hour that is repeated the
 * first time, and where the clock leaps over it, at the instant of the leap.
 */
import { type Cron, cronTimeOfDay, isCronDay } from './cron.js';
import { offsetSpans, zoneOffsetMs } from './zoned-time.js';

const secondMs = 1000;
const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
/** A local day lies within this much before and after the same day of UTC. */
const eastMs = 15 * hourMs;
const westMs = 13 * hourMs;
/** A 29th of February on one day of the week is never further away. */
const maxMs = 41 * 366 * dayMs;

/** The first time after that instant, in milliseconds since the epoch; undefined where there is none for forty years. */
export function nextCronMs(cron: Cron, zone: string, afterMs: number): number | undefined {
  const localMs = afterMs + zoneOffsetMs(zone, afterMs);
  // A clock that is put back over midnight shows a day again.
  const firstDay = Math.floor(localMs / dayMs) * dayMs - dayMs;
  for (let day = firstDay; day < firstDay + maxMs; day = followingDay(cron, day)) {
    const found = nextOnDay(cron, zone, day, afterMs);
    if (found === undefined) continue;
    const onNextDay = nextOnDay(cron, zone, day + dayMs, afterMs);
    return Math.min(found, onNextDay ?? found);
  }
  return undefined;
}

/** The next day, or the first of the next month where the expression means no day of this one. */
function followingDay({ months }: Cron, day: number): number {
  const date = new Date(day);
  const month = date.getUTCMonth();
  return months.has(month + 1) ? day + dayMs : Date.UTC(date.getUTCFullYear(), month + 1, 1);
}

/** The first instant after `afterMs` that the expression means on that local day. */
function nextOnDay(cron: Cron, zone: string, day: number, afterMs: number): number | undefined {
  if (!isCronDay(cron, day)) return undefined;
  const [first, second] = offsetSpans(zone, day - eastMs, day + dayMs + westMs);
  if (first === undefined) return undefined;
  const inFirst = nextWithin(cron, day, {
    fromMs: afterMs + 1 + first.offsetMs,
    toMs: first.toMs + first.offsetMs,
  });
  if (inFirst !== undefined) return inFirst - first.offsetMs;
  if (second === undefined) return undefined;
  const leapMs = second.fromMs;
  const shown = { before: leapMs + first.offsetMs, after: leapMs + second.offsetMs };
  if (!cron.isEveryHour && leapMs > afterMs) {
    const leftOut = nextWithin(cron, day, { fromMs: shown.before, toMs: shown.after });
    if (leftOut !== undefined) return leapMs;
  }
  // What the clock shows a second time has come already.
  const newFrom = cron.isEveryHour ? shown.after : Math.max(shown.before, shown.after);
  const inSecond = nextWithin(cron, day, {
    fromMs: Math.max(afterMs + 1 + second.offsetMs, newFrom),
    toMs: second.toMs + second.offsetMs,
  });
  return inSecond === undefined ? undefined : inSecond - second.offsetMs;
}

interface LocalSpan {
  readonly fromMs: number;
  readonly toMs: number;
}

/** The first time of that day within the span, as the local clock shows it. */
function nextWithin(cron: Cron, day: number, { fromMs, toMs }: LocalSpan): number | undefined {
  const from = Math.max(Math.ceil(fromMs / secondMs) * secondMs - day, 0);
  const time = cronTimeOfDay(cron, from);
  return time === undefined || day + time >= Math.min(toMs, day + dayMs) ? undefined : day + time;
}
