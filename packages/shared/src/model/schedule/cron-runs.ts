/*
 * Finds the times of a cron expression in a zone whose clock changes. An expression for every hour (its
 * hour is `*`, with or without a step) follows elapsed time: it runs in both passes of a repeated hour, and
 * never in a skipped hour. Any other expression means times of the day, and each of them runs once a day:
 * in a repeated hour the first time, and in a skipped hour at the instant of the change.
 */
import { type Cron, cronTimeOfDay } from './cron.js';
import { isCronDay } from './cron-days.js';
import { offsetSpans, zoneOffsetMs } from './zoned-time.js';

const secondMs = 1000;
const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
/** A local day lies within this much before and after the same day of UTC. */
const eastMs = 15 * hourMs;
const westMs = 13 * hourMs;
/** A 29th of February on one day of the week is never further away. */
const maxMs = 41 * 366 * dayMs;

/**
 * Returns the first time after that instant, in milliseconds since the epoch. Undefined if there is none
 * within forty years.
 */
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

/** Returns the next day, or the first of the next month if the expression means no day of this one. */
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
  // A time that the clock shows again has run already.
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
