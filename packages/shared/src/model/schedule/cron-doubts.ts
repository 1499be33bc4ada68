/*
 * Expressions that mean something else than most of their authors think. They are refused when they are set,
 * with the way to write either meaning. A schedule that is stored already goes on with the meaning it has.
 */
import { type Field, type FieldValues, fields, isAny, type Range, valuesOf } from './cron-fields.js';

/** An expression of six fields, as text and as values. */
export interface ParsedFields {
  readonly texts: readonly string[];
  readonly values: readonly FieldValues[];
  /** True if the author wrote the field of the second. */
  readonly hasSeconds: boolean;
}

/** Returns a sentence about each doubt. */
export function doubtsOf(parsed: ParsedFields): readonly string[] {
  return [
    ...fields.flatMap((field, index) => fieldDoubts(field, parsed.texts[index] ?? '', parsed.values[index])),
    ...finerDoubts(parsed),
    ...weekDoubts(parsed),
    ...narrowingDoubts(parsed),
    ...quartzDoubts(parsed),
  ];
}

function fieldDoubts(field: Field, text: string, values: FieldValues | undefined): readonly string[] {
  const parts = text.split(',');
  const stepDoubts = (values?.ranges ?? []).flatMap((range) => stepDoubt(field, range) ?? []);
  const doubts = stepDoubts.map((doubt) => `${field.name} ${JSON.stringify(text.slice(0, 40))} ${doubt}`);
  if (parts.length > 1 && parts.some((part) => part === '*' || part === '?'))
    doubts.push(
      `${field.name} ${JSON.stringify(text.slice(0, 40))} names values beside "*", which means all`,
    );
  return doubts;
}

/** In the days of a month no step comes out even. A longer step than this leaves two days, or one. */
const longestDayStep = 15;

function stepDoubt(field: Field, { from, to, step, isBounded }: Range): string | undefined {
  if (field.day === 'ofWeek' && !isBounded && from > field.min)
    return `names no last day, and elsewhere goes on to Sunday: write such as "1-5/${step}"`;
  if (step === 1) return undefined;
  if (isBounded || from > field.min) {
    return step > to - from
      ? `has a step beyond its range: it means only ${from}; write "${from}" for that`
      : undefined;
  }
  const isEven = field.day === 'ofMonth' ? step <= longestDayStep : field.cycle % step === 0;
  if (isEven) return undefined;
  const list = valuesOf([{ from, to, step, isBounded }]).join(',');
  return `leaves gaps of different lengths: it means ${list}; write "${list}" for that`;
}

/** `* 6 * * *` is usually meant to run once. */
function finerDoubts({ texts, hasSeconds }: ParsedFields): readonly string[] {
  return fields.slice(0, 2).flatMap((finer, index) => {
    const coarser = fields[index + 1];
    const isShown = index > 0 || hasSeconds;
    if (!isShown || coarser === undefined || texts[index] !== '*') return [];
    if (!/^[\d,]+$/.test(texts[index + 1] ?? '')) return [];
    return [
      `${finer.name} "*" beside a fixed ${coarser.name} means 60 runs: write "0" for one, or "0-59" for all`,
    ];
  });
}

const week = 7;

/** `1-7 * MON` is usually meant as the first Monday, but either of the two days is enough. */
function weekDoubts({ texts, values }: ParsedFields): readonly string[] {
  const [ofMonth = '', ofWeek = ''] = [texts[3], texts[5]];
  if (isAny(ofMonth) || isAny(ofWeek)) return [];
  const days = valuesOf(values[3]?.ranges ?? []);
  const isWeek = days.length === week && (days.at(-1) ?? 0) - (days[0] ?? 0) === week - 1;
  if (!isWeek) return [];
  const nth = (days[0] ?? 1) > 3 * week + 1 ? 'L' : `#${Math.ceil((days[0] ?? 1) / week)}`;
  return [
    `day of month "${ofMonth}" beside day of week "${ofWeek}" means every one of either: for one day of the week a month, write "*" and such as "MON${nth}"`,
  ];
}

/** Of two days one is enough, but not if one begins with `*`. Other systems do not agree on that. */
function narrowingDoubts({ texts }: ParsedFields): readonly string[] {
  const [ofMonth = '', ofWeek = ''] = [texts[3], texts[5]];
  const step = /^\*\/(\d+)/.exec(ofMonth)?.[1] ?? '1';
  if (Number(step) === 1 || isAny(ofWeek)) return [];
  return [
    `day of month "${ofMonth}" beside day of week "${ofWeek}" means days that are both, but elsewhere one of either: write "1-31/${step}" for that`,
  ];
}

/** Quartz counts days of the week from 1, Sunday. Six fields with `?` are its notation. */
function quartzDoubts({ texts, hasSeconds }: ParsedFields): readonly string[] {
  const [ofMonth = '', ofWeek = ''] = [texts[3], texts[5]];
  if (!hasSeconds || ofMonth !== '?' || !/(?:^|[,-])[0-7]/.test(ofWeek)) return [];
  return [
    `day of week "${ofWeek}" has numbers beside "?": Quartz counts from SUN = 1, and Berth from SUN = 0; write names`,
  ];
}
