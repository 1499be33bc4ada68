/* Two public implementations of cron, and the differences from them that are decisions. */
import { CronExpressionParser } from 'cron-parser';
import { Cron as Croner } from 'croner';

/** Another implementation, as the tests ask it. */
export interface CronPeer {
  readonly name: string;
  /** Returns the next times, in milliseconds since the epoch. Throws if it refuses the expression. */
  readonly next: (
    expression: string,
    zone: string,
    after: { ms: number; count: number },
  ) => readonly number[];
  /** The differences that are decisions: expressions of this form may be taken by one side only. */
  readonly takenByOne: readonly Decision[];
  /** Expressions of this form have other times by decision. */
  readonly otherTimes: readonly Decision[];
}

interface Decision {
  readonly reason: string;
  readonly form: RegExp;
}

/** A day of month with a step beside a day of the week, or the other way round. */
const narrowing: Decision = {
  reason: 'A day that begins with "*" narrows the other one, as in Vixie cron; both peers take either.',
  form: /^(?:\S+ )?\S+ \S+ (?:\*\/\d+\S* \S+ [^*?]\S*|[^*?]\S* \S+ \*\/\d+\S*)$/,
};

const singleStep: Decision = {
  reason: 'Berth takes a step behind a single value, as Quartz does; Croner refuses it.',
  form: /(?:^|[ ,])[A-Z0-9]+\/\d/i,
};

const beforeLast: Decision = { reason: 'Neither peer takes days before the last one.', form: /L-\d/ };

const untilSunday: Decision = {
  reason: 'A range up to SUN ends after Saturday; cron-parser takes it for one that runs back, or ends at 0.',
  form: /-SUN/i,
};

const anyInList: Decision = {
  reason: 'A value beside "*" or "?" has no effect here; it is refused.',
  form: /[*?],|,[*?](?:[ ,]|$)/,
};

const toSunday: Decision = {
  reason:
    'A step behind one day of the week ends on Saturday here, and on Sunday in cron-parser; it is refused.',
  form: /[ ,][A-Z0-9]+\/\d+(?:,\S*)?$/i,
};

export const croner: CronPeer = {
  name: 'croner',
  next: (expression, timezone, { ms, count }) => {
    const times = new Croner(expression, { timezone, paused: true }).nextRuns(count, new Date(ms));
    if (times.length === 0) throw new Error('it never comes');
    return times.map((time) => time.getTime());
  },
  takenByOne: [
    singleStep,
    beforeLast,
    { reason: 'Croner takes LW alone only.', form: /LW,|,LW/ },
    { reason: 'Croner takes a range with a step that ends beyond its field.', form: /-\d+\/\d/ },
  ],
  otherTimes: [narrowing, anyInList],
};

export const cronParser: CronPeer = {
  name: 'cron-parser',
  next: (expression, tz, { ms, count }) => {
    const parsed = CronExpressionParser.parse(expression, { tz, currentDate: new Date(ms) });
    return Array.from({ length: count }, () => parsed.next().toDate().getTime());
  },
  takenByOne: [
    beforeLast,
    { reason: 'Working days are refused by cron-parser.', form: /\d+W|LW/ },
    untilSunday,
    { reason: 'cron-parser refuses # in a list.', form: /#\d,|,[A-Z0-9]+#/i },
    { reason: 'cron-parser refuses values that are named twice.', form: /,/ },
  ],
  otherTimes: [narrowing, anyInList, untilSunday, toSunday],
};

export const cronPeers: readonly CronPeer[] = [croner, cronParser];

/** True if one of the decisions is about the expression. */
export function isDecided(expression: string, decisions: readonly Decision[]): boolean {
  return decisions.some(({ form }) => form.test(expression));
}
