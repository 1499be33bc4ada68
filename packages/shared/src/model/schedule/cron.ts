/*
 * Cron expressions: five fields (minute, hour, day of month, month, day of week), or six with the second
 * before them. A field is `*`, a value, a range `a-b`, any of these with a step `/n`, or several with
 * commas. Months and days of the week may be named (`JAN`, `mon`). Sunday is 0 and 7. For a day, `?` means
 * the same as `*`. If day of month and day of week are both set, either of them is enough. `@hourly`,
 * `@daily`, `@weekly`, `@monthly` and `@yearly` have their usual meaning.
 */

/** The times of day, and the days, that an expression means; all lists ascend. */
export interface Cron {
  readonly seconds: readonly number[];
  readonly minutes: readonly number[];
  readonly hours: readonly number[];
  /**
   * True if the expression means every hour: it then follows elapsed time and ignores changes of the local
   * clock.
   */
  readonly isEveryHour: boolean;
  readonly months: ReadonlySet<number>;
  readonly daysOfMonth: ReadonlySet<number>;
  readonly daysOfWeek: ReadonlySet<number>;
  /** True if one of the two days is enough; otherwise both must match. */
  readonly isEitherDay: boolean;
}

interface Field {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  readonly names?: readonly string[];
  readonly isDay?: boolean;
}

const monthNames = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'];
const dayNames = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'];
const fields: readonly Field[] = [
  { name: 'second', min: 0, max: 59 },
  { name: 'minute', min: 0, max: 59 },
  { name: 'hour', min: 0, max: 23 },
  { name: 'day of month', min: 1, max: 31, isDay: true },
  { name: 'month', min: 1, max: 12, names: monthNames },
  { name: 'day of week', min: 0, max: 7, names: dayNames, isDay: true },
];
const hoursOfDay = 24;

const macros: ReadonlyMap<string, string> = new Map([
  ['@yearly', '0 0 1 1 *'],
  ['@annually', '0 0 1 1 *'],
  ['@monthly', '0 0 1 * *'],
  ['@weekly', '0 0 * * 0'],
  ['@daily', '0 0 * * *'],
  ['@midnight', '0 0 * * *'],
  ['@hourly', '0 * * * *'],
]);

/** The longest value of a label. It limits an expression in other fields too. */
const maxLength = 4096;

/** Parses the expression. Returns all its faults, in words, if it is invalid. */
export function parseCron(expression: string): Cron | { readonly problems: readonly string[] } {
  if (expression.length > maxLength)
    return {
      problems: [`it has ${expression.length} characters, but at most ${maxLength} are allowed`],
    };
  const trimmed = expression.trim();
  const texts = (macros.get(trimmed.toLowerCase()) ?? trimmed).split(/\s+/);
  if (texts.length !== 5 && texts.length !== 6) {
    const found = trimmed === '' ? 'it is empty' : `it has ${texts.length} fields`;
    return {
      problems: [`${found}: write five (minute hour day month weekday), or six with the second before them`],
    };
  }
  const six = texts.length === 6 ? texts : ['0', ...texts];
  const problems: string[] = [];
  const values = fields.map((field, index) => parseField(field, six[index] ?? '', problems));
  if (problems.length > 0) return { problems };
  const cron = cronOf(values, six);
  return canEverCome(cron) ? cron : { problems: ['no day of the calendar is ever meant by it'] };
}

function cronOf(values: readonly (readonly number[])[], texts: readonly string[]): Cron {
  const [seconds = [], minutes = [], hours = [], days = [], months = [], weekdays = []] = values;
  return {
    seconds,
    minutes,
    hours,
    isEveryHour: hours.length === hoursOfDay || isAny(texts[2]),
    months: new Set(months),
    daysOfMonth: new Set(days),
    daysOfWeek: new Set(weekdays.map((day) => day % 7)),
    isEitherDay: !isAny(texts[3]) && !isAny(texts[5]),
  };
}

function isAny(text = ''): boolean {
  return text.startsWith('*') || text.startsWith('?');
}

function parseField(field: Field, text: string, problems: string[]): readonly number[] {
  const values = new Set<number>();
  for (const part of text.split(',')) {
    const range = parsePart(field, part);
    if (typeof range === 'string')
      problems.push(`${field.name} ${JSON.stringify(part.slice(0, 40))} ${range}`);
    else for (let value = range.from; value <= range.to; value += range.step) values.add(value);
  }
  return [...values].sort((a, b) => a - b);
}

interface Range {
  readonly from: number;
  readonly to: number;
  readonly step: number;
}

/** Parses one part between commas. Returns the end of a sentence about the fault if it is invalid. */
function parsePart(field: Field, part: string): Range | string {
  const form = /^(?:(\*|\?)|([a-z0-9]+)(?:-([a-z0-9]+))?)(?:\/(\d{1,4}))?$/i.exec(part);
  if (form === null) return 'is not a value, a range, a list or a step';
  const [, any, first, last, stepText] = form;
  if (any === '?' && field.isDay !== true) return 'stands for a day only';
  const step = stepText === undefined ? 1 : Number(stepText);
  if (step < 1) return 'has a step of 0';
  if (any !== undefined) return { from: field.min, to: topOf(field), step };
  const from = numberOf(field, first ?? '');
  // Without an end, a step goes on to the end of the field.
  const to = last === undefined ? (stepText === undefined ? from : topOf(field)) : numberOf(field, last);
  if (from === undefined || to === undefined) return `is not within ${field.min} to ${field.max}`;
  return from <= to ? { from, to, step } : 'is a range that runs backwards';
}

/** `*` means Sunday once. */
function topOf({ min, max, names }: Field): number {
  return names === undefined ? max : min + names.length - 1;
}

function numberOf({ min, max, names = [] }: Field, text: string): number | undefined {
  const named = names.indexOf(text.toUpperCase());
  if (named >= 0) return min + named;
  const value = /^\d{1,4}$/.test(text) ? Number(text) : Number.NaN;
  return value >= min && value <= max ? value : undefined;
}

const longestMonths = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** False for the like of the 30th of February. */
function canEverCome({ months, daysOfMonth, isEitherDay }: Cron): boolean {
  if (isEitherDay) return true;
  return [...months].some((month) => [...daysOfMonth].some((day) => day <= (longestMonths[month - 1] ?? 0)));
}

/** True if the expression means that day, a midnight of UTC. */
export function isCronDay(cron: Cron, dayMs: number): boolean {
  const day = new Date(dayMs);
  if (!cron.months.has(day.getUTCMonth() + 1)) return false;
  const [ofMonth, ofWeek] = [cron.daysOfMonth.has(day.getUTCDate()), cron.daysOfWeek.has(day.getUTCDay())];
  return cron.isEitherDay ? ofMonth || ofWeek : ofMonth && ofWeek;
}

const secondMs = 1000;
const minuteMs = 60 * secondMs;
const hourMs = 60 * minuteMs;

/** The first time of day of the expression, in milliseconds since midnight, at or after that one. */
export function cronTimeOfDay(cron: Cron, fromMs: number): number | undefined {
  for (const hour of cron.hours) {
    const hourStart = hour * hourMs;
    if (hourStart + hourMs <= fromMs) continue;
    for (const minute of cron.minutes) {
      const minuteStart = hourStart + minute * minuteMs;
      if (minuteStart + minuteMs <= fromMs) continue;
      const second = cron.seconds.find((each) => minuteStart + each * secondMs >= fromMs);
      if (second !== undefined) return minuteStart + second * secondMs;
    }
  }
  return undefined;
}
