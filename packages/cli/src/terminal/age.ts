const units = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
] as const;

/** A time span in its largest unit: `12s`, `3m`, `5h`, `2d`. Spans below a second, and clocks that differ, give `0s`. */
export function formatAge(spanMs: number): string {
  for (const [unit, ms] of units) {
    if (spanMs >= ms) return `${Math.floor(spanMs / ms)}${unit}`;
  }
  return '0s';
}

/** A time span in its two largest units: `3m20s`, `1h05m`, `10m`; below a minute with tenths: `4.2s`. */
export function formatSpan(spanMs: number): string {
  if (spanMs < 60_000) return `${(Math.max(0, spanMs) / 1000).toFixed(1)}s`;
  const index = units.findIndex(([, ms]) => spanMs >= ms);
  const [large, small] = [units[index], units[index + 1]];
  if (large === undefined || small === undefined) return formatAge(spanMs);
  const rest = Math.floor((spanMs % large[1]) / small[1]);
  const tail = rest === 0 ? '' : `${String(rest).padStart(2, '0')}${small[0]}`;
  return `${Math.floor(spanMs / large[1])}${large[0]}${tail}`;
}

/** Age of something that began at an RFC 3339 time; `-` where the time is not known. */
export function ageSince(timestamp: string | undefined, nowMs: number): string {
  const atMs = Date.parse(timestamp ?? '');
  return Number.isNaN(atMs) ? '-' : formatAge(nowMs - atMs);
}

/** Time of day, local, of an RFC 3339 time: `14:03:59`. */
export function timeOfDay(timestamp: string | undefined): string {
  const at = new Date(timestamp ?? '');
  if (Number.isNaN(at.getTime())) return '--:--:--';
  return [at.getHours(), at.getMinutes(), at.getSeconds()]
    .map((part) => String(part).padStart(2, '0'))
    .join(':');
}
