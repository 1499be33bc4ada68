const units = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
] as const;

/**
 * Formats a time span in its largest unit: `12s`, `3m`, `5h`, `2d`. Spans under a second, and negative spans
 * of clocks that differ, give `0s`.
 */
export function formatAge(spanMs: number): string {
  for (const [unit, ms] of units) {
    if (spanMs >= ms) return `${Math.floor(spanMs / ms)}${unit}`;
  }
  return '0s';
}

/**
 * Formats a time span in its two largest units: `3m20s`, `1h05m`, `10m`. Under a minute it has tenths:
 * `4.2s`.
 */
export function formatSpan(spanMs: number): string {
  if (spanMs < 60_000) return `${(Math.max(0, spanMs) / 1000).toFixed(1)}s`;
  const index = units.findIndex(([, ms]) => spanMs >= ms);
  const [large, small] = [units[index], units[index + 1]];
  if (large === undefined || small === undefined) return formatAge(spanMs);
  const rest = Math.floor((spanMs % large[1]) / small[1]);
  const tail = rest === 0 ? '' : `${String(rest).padStart(2, '0')}${small[0]}`;
  return `${Math.floor(spanMs / large[1])}${large[0]}${tail}`;
}

/** Formats the age of something that began at an RFC 3339 time; `-` if the time is unknown. */
export function ageSince(timestamp: string | undefined, nowMs: number): string {
  const atMs = Date.parse(timestamp ?? '');
  return Number.isNaN(atMs) ? '-' : formatAge(nowMs - atMs);
}

/** Formats the local time of day of an RFC 3339 time: `14:03:59`. */
export function timeOfDay(timestamp: string | undefined): string {
  const at = new Date(timestamp ?? '');
  if (Number.isNaN(at.getTime())) return '--:--:--';
  return [at.getHours(), at.getMinutes(), at.getSeconds()]
    .map((part) => String(part).padStart(2, '0'))
    .join(':');
}
