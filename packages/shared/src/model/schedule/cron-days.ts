/*
 * The days of a cron expression: numbers, and the rules `L`, `W` and `#`. The day of month takes `L` (the
 * last day), `L-3` (three days before it), `LW` (the last working day) and `15W` (the working day nearest
 * to the 15th, within the month). The day of week takes `FRI#2` (the second Friday) and `FRIL` (the last
 * one). Working days are Monday to Friday.
 */

/** A day that differs from month to month. */
export type DayRule =
  | { readonly kind: 'last'; readonly daysBefore: number }
  | { readonly kind: 'lastWorkingDay' }
  | { readonly kind: 'nearestWorkingDay'; readonly day: number }
  | { readonly kind: 'nthWeekday'; readonly weekday: number; readonly nth: number }
  | { readonly kind: 'lastWeekday'; readonly weekday: number };

/** The days of one field. */
export interface Days {
  readonly numbers: ReadonlySet<number>;
  readonly rules: readonly DayRule[];
}

/** The days that an expression means. */
export interface CronDays {
  readonly months: ReadonlySet<number>;
  readonly daysOfMonth: Days;
  readonly daysOfWeek: Days;
  /** True if one of the two days is enough; otherwise both must match. */
  readonly isEitherDay: boolean;
}

const longestMonth = 31;
const daysOfAWeek = 7;
const mostWeeks = 5;

/**
 * Parses a part with `L`, `W` or `#`. Returns undefined if it is none in this field, and the end of a
 * sentence about its fault if it is one at fault.
 */
export function parseDayRule(
  part: string,
  day: 'ofMonth' | 'ofWeek' | undefined,
  numberOf: (text: string) => number | undefined,
): DayRule | string | undefined {
  if (day === 'ofMonth') return parseOfMonth(part, numberOf);
  return day === 'ofWeek' ? parseOfWeek(part, numberOf) : undefined;
}

function parseOfMonth(part: string, numberOf: (text: string) => number | undefined) {
  const last = /^L(?:-(\d{1,2}))?$/i.exec(part);
  if (last !== null) {
    const daysBefore = Number(last[1] ?? 0);
    if (daysBefore < longestMonth) return { kind: 'last', daysBefore } as const;
    return `is before the first day: L-${longestMonth - 1} is the most`;
  }
  if (/^LW$/i.test(part)) return { kind: 'lastWorkingDay' } as const;
  const near = /^(\d{1,2})W$/i.exec(part);
  if (near === null) return undefined;
  const number = numberOf(near[1] ?? '');
  return number === undefined
    ? `is not within 1W to ${longestMonth}W`
    : ({ kind: 'nearestWorkingDay', day: number } as const);
}

function parseOfWeek(part: string, numberOf: (text: string) => number | undefined) {
  if (/^L$/i.test(part)) return 'is no day: write "SAT", or such as "FRIL" for the last Friday of the month';
  const form = /^(\w+?)(?:L|#L|#(\d{1,4}))$/i.exec(part);
  if (form === null) return undefined;
  const number = numberOf(form[1] ?? '');
  if (number === undefined) return 'names no day before its L or #: write such as "FRIL" or "FRI#2"';
  const weekday = number % daysOfAWeek;
  if (form[2] === undefined) return { kind: 'lastWeekday', weekday } as const;
  const nth = Number(form[2]);
  if (nth < 1 || nth > mostWeeks) return `is not within #1 to #${mostWeeks}`;
  return { kind: 'nthWeekday', weekday, nth } as const;
}

/** True if the expression means that day, a midnight of UTC. */
export function isCronDay(days: CronDays, dayMs: number): boolean {
  const date = new Date(dayMs);
  if (!days.months.has(date.getUTCMonth() + 1)) return false;
  const day = placeOf(date);
  const ofMonth = days.daysOfMonth.numbers.has(day.ofMonth) || isOneOf(days.daysOfMonth.rules, day);
  const ofWeek = days.daysOfWeek.numbers.has(day.ofWeek) || isOneOf(days.daysOfWeek.rules, day);
  return days.isEitherDay ? ofMonth || ofWeek : ofMonth && ofWeek;
}

/** The place of a day in its month and week. */
interface DayPlace {
  readonly ofMonth: number;
  readonly ofWeek: number;
  /** The number of days of the month. */
  readonly length: number;
}

function placeOf(date: Date): DayPlace {
  const length = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0)).getUTCDate();
  return { ofMonth: date.getUTCDate(), ofWeek: date.getUTCDay(), length };
}

function isOneOf(rules: readonly DayRule[], day: DayPlace): boolean {
  return rules.some((rule) => meets(rule, day));
}

function meets(rule: DayRule, day: DayPlace): boolean {
  const { ofMonth, ofWeek, length } = day;
  switch (rule.kind) {
    case 'last':
      return ofMonth === length - rule.daysBefore;
    case 'lastWorkingDay':
      return ofMonth === nearestWorkingDay(length, day);
    case 'nearestWorkingDay':
      return rule.day <= length && ofMonth === nearestWorkingDay(rule.day, day);
    case 'nthWeekday':
      return ofWeek === rule.weekday && Math.ceil(ofMonth / daysOfAWeek) === rule.nth;
    case 'lastWeekday':
      return ofWeek === rule.weekday && ofMonth + daysOfAWeek > length;
  }
}

const sunday = 0;
const saturday = 6;

/** Returns the working day of the month that is nearest to that day of it. */
function nearestWorkingDay(target: number, { ofMonth, ofWeek, length }: DayPlace): number {
  const weeks = 5 * daysOfAWeek;
  const weekday = (ofWeek + target - ofMonth + weeks) % daysOfAWeek;
  if (weekday === saturday) return target === 1 ? target + 2 : target - 1;
  if (weekday === sunday) return target === length ? target - 2 : target + 1;
  return target;
}

/** After 28 years the same dates fall on the same days of the week, as long as no century ends. */
const calendarFromMs = Date.UTC(2000, 0, 1);
const calendarToMs = Date.UTC(2028, 0, 1);
const dayMs = 86_400_000;

/** False for the like of the 30th of February. */
export function canEverCome(days: CronDays): boolean {
  if (days.isEitherDay) return true;
  for (let dayAtMs = calendarFromMs; dayAtMs < calendarToMs; dayAtMs += dayMs)
    if (isCronDay(days, dayAtMs)) return true;
  return false;
}
