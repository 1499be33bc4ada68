/*
 * Local time of an IANA zone. The runtime carries the rules of the zones. The results depend only on the
 * zone and the instant.
 */

const secondMs = 1000;
/** By the zone's name in lower case; as many as there are zones. */
const formats = new Map<string, Intl.DateTimeFormat>();

/** True if the runtime knows the zone. `UTC` is a zone; an offset such as `+02:00` is not. */
export function isTimeZone(zone: string): boolean {
  return /^[A-Za-z]/.test(zone) && formatOf(zone) !== undefined;
}

function formatOf(zone: string): Intl.DateTimeFormat | undefined {
  const key = zone.toLowerCase();
  const format = formats.get(key) ?? newFormat(zone);
  if (format !== undefined) formats.set(key, format);
  return format;
}

function newFormat(timeZone: string): Intl.DateTimeFormat | undefined {
  try {
    return new Intl.DateTimeFormat('en-US', {
      timeZone,
      calendar: 'gregory',
      numberingSystem: 'latn',
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
  } catch {
    return undefined;
  }
}

/** Returns the zone's offset from UTC at that instant, in milliseconds; positive if its clock is ahead. */
export function zoneOffsetMs(zone: string, atMs: number): number {
  if (zone === 'UTC') return 0;
  const format = formatOf(zone);
  if (format === undefined) throw new RangeError(`there is no time zone ${JSON.stringify(zone)}`);
  const wholeMs = Math.floor(atMs / secondMs) * secondMs;
  const parts = new Map(format.formatToParts(wholeMs).map(({ type, value }) => [type, Number(value)]));
  const part = (type: Intl.DateTimeFormatPartTypes) => parts.get(type) ?? 0;
  const localMs = Date.UTC(
    part('year'),
    part('month') - 1,
    part('day'),
    part('hour'),
    part('minute'),
    part('second'),
  );
  return localMs - wholeMs;
}

/** A span of instants, without `toMs`, in which the zone's clock keeps the same offset from UTC. */
interface OffsetSpan {
  readonly fromMs: number;
  readonly toMs: number;
  readonly offsetMs: number;
}

/**
 * Returns the spans from one whole second to another. It assumes that the zone changes its clock at most
 * once in between.
 */
export function offsetSpans(zone: string, fromMs: number, toMs: number): readonly OffsetSpan[] {
  const [before, after] = [zoneOffsetMs(zone, fromMs), zoneOffsetMs(zone, toMs)];
  if (before === after) return [{ fromMs, toMs, offsetMs: before }];
  let [low, high] = [fromMs, toMs];
  while (high - low > secondMs) {
    const middle = low + Math.floor((high - low) / (2 * secondMs)) * secondMs;
    if (zoneOffsetMs(zone, middle) === before) low = middle;
    else high = middle;
  }
  return [
    { fromMs, toMs: high, offsetMs: before },
    { fromMs: high, toMs, offsetMs: after },
  ];
}
