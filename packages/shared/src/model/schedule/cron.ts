/*
 * Cron expressions: five fields (minute, hour, day of month, month, day of week), or six with the second
 * before them. A field is `*`, a value, a range `a-b`, any of these with a step `/n`, or several with
 * commas. Months and days of the week may be named (`JAN`, `mon`). Sunday is 0 and 7. For a day, `?` means
 * the same as `*`. If day of month and day of week are both set, either of them is enough. The days of
 * `cron-days.ts` differ from month to month. `@hourly`, `@daily`, `@weekly`, `@monthly` and `@yearly` have
 * their usual meaning.
 */
import { type CronDays, canEverCome } from './cron-days.js';
import { doubtsOf, type ParsedFields } from './cron-doubts.js';
import { fields, isAny, parseField, valuesOf } from './cron-fields.js';
import { expandMacro, foreignExpression } from './cron-notations.js';

/** The times of day, and the days, that an expression means; all lists ascend. */
export interface Cron extends CronDays {
  readonly seconds: readonly number[];
  readonly minutes: readonly number[];
  readonly hours: readonly number[];
  /**
   * True if the expression means every hour: it then follows elapsed time and ignores changes of the local
   * clock.
   */
  readonly isEveryHour: boolean;
  /** Reasons to refuse the expression when it is set: it means something else than its author may think. */
  readonly doubts: readonly string[];
}

const hoursOfDay = 24;
const daysOfAWeek = 7;
/** The longest value of a label. It limits an expression in other fields too. */
const maxLength = 4096;

/** Parses the expression. Returns all its faults, in words, if it is invalid. */
export function parseCron(expression: string): Cron | { readonly problems: readonly string[] } {
  if (expression.length > maxLength)
    return {
      problems: [`it has ${expression.length} characters, but at most ${maxLength} are allowed`],
    };
  const trimmed = expression.trim();
  const foreign = foreignExpression(trimmed);
  if (foreign !== undefined) return { problems: [foreign] };
  const texts = expandMacro(trimmed).split(/\s+/);
  if (texts.length !== 5 && texts.length !== 6) return { problems: [countProblem(trimmed, texts.length)] };
  const hasSeconds = texts.length === 6;
  const six = hasSeconds ? texts : ['0', ...texts];
  const problems: string[] = [];
  const values = fields.map((field, index) => parseField(field, six[index] ?? '', problems));
  if (problems.length > 0) return { problems };
  const cron = cronOf({ texts: six, values, hasSeconds });
  return canEverCome(cron) ? cron : { problems: ['no day of the calendar is ever meant by it'] };
}

function countProblem(text: string, count: number): string {
  const found = text === '' ? 'it is empty' : `it has ${count} fields`;
  const more = count > 6 ? '; a year, a user and a command have no place in it' : '';
  return `${found}: write five (minute hour day month weekday), or six with the second before them${more}`;
}

function cronOf(parsed: ParsedFields): Cron {
  const { texts, values } = parsed;
  const [seconds = [], minutes = [], hours = [], days = [], months = [], weekdays = []] = values.map(
    ({ ranges }) => valuesOf(ranges),
  );
  return {
    seconds,
    minutes,
    hours,
    isEveryHour: hours.length === hoursOfDay || isAny(texts[2]),
    months: new Set(months),
    daysOfMonth: { numbers: new Set(days), rules: values[3]?.rules ?? [] },
    daysOfWeek: { numbers: new Set(weekdays.map((day) => day % daysOfAWeek)), rules: values[5]?.rules ?? [] },
    isEitherDay: !isAny(texts[3]) && !isAny(texts[5]),
    doubts: doubtsOf(parsed),
  };
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
