/* The six fields of a cron expression, and the values that a part of a field stands for. */
import { type DayRule, parseDayRule } from './cron-days.js';
import { foreignPart } from './cron-notations.js';

/** One field of an expression. */
export interface Field {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  /** The number of values after which the field begins anew. */
  readonly cycle: number;
  readonly names?: readonly string[];
  readonly day?: 'ofMonth' | 'ofWeek';
}

const monthNames = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'];
const dayNames = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'];

/** The fields in their order. An expression of five fields lacks the first. */
export const fields: readonly Field[] = [
  { name: 'second', min: 0, max: 59, cycle: 60 },
  { name: 'minute', min: 0, max: 59, cycle: 60 },
  { name: 'hour', min: 0, max: 23, cycle: 24 },
  { name: 'day of month', min: 1, max: 31, cycle: 31, day: 'ofMonth' },
  { name: 'month', min: 1, max: 12, cycle: 12, names: monthNames },
  { name: 'day of week', min: 0, max: 7, cycle: 7, names: dayNames, day: 'ofWeek' },
];

/** The values from one to another, or every `step`th of them. */
export interface Range {
  readonly from: number;
  readonly to: number;
  readonly step: number;
  /** True if the text names the end, or no step: it then says by itself which value is the last. */
  readonly isBounded: boolean;
}

/** The parts of a field that are not at fault. */
export interface FieldValues {
  readonly ranges: readonly Range[];
  readonly rules: readonly DayRule[];
}

/** Parses a field. Adds a sentence about each part at fault to the problems. */
export function parseField(field: Field, text: string, problems: string[]): FieldValues {
  const ranges: Range[] = [];
  const rules: DayRule[] = [];
  for (const part of text.split(',')) {
    const parsed = parsePart(field, part);
    if (typeof parsed === 'string')
      problems.push(`${field.name} ${JSON.stringify(part.slice(0, 40))} ${parsed}`);
    else if ('kind' in parsed) rules.push(parsed);
    else ranges.push(parsed);
  }
  return { ranges, rules };
}

/** Returns the values of the ranges; they ascend. */
export function valuesOf(ranges: readonly Range[]): readonly number[] {
  const values = new Set<number>();
  for (const { from, to, step } of ranges)
    for (let value = from; value <= to; value += step) values.add(value);
  return [...values].sort((a, b) => a - b);
}

/** True if the text stands for every value, with or without a step. */
export function isAny(text = ''): boolean {
  return text.startsWith('*') || text.startsWith('?');
}

/** Parses one part between commas. Returns the end of a sentence about the fault if it is invalid. */
function parsePart(field: Field, part: string): Range | DayRule | string {
  const rule = parseDayRule(part, field.day, (text) => numberOf(field, text));
  if (rule !== undefined) return rule;
  const form = /^(?:(\*|\?)|([a-z0-9]+)(?:-([a-z0-9]+))?)(?:\/(\d{1,4}))?$/i.exec(part);
  if (form === null) return foreignPart(part) ?? 'is not a value, a range, a list or a step';
  const [, any, first = '', last, stepText] = form;
  if (any === '?' && field.day === undefined) return 'stands for a day only; no field is for the year';
  const step = stepText === undefined ? 1 : Number(stepText);
  if (step < 1) return 'has a step of 0';
  if (any !== undefined) return { from: field.min, to: topOf(field), step, isBounded: step === 1 };
  const from = numberOf(field, first);
  // Without an end, a step goes on to the end of the field.
  const open = stepText === undefined ? from : Math.max(topOf(field), from ?? 0);
  const to = last === undefined ? open : endOf(field, last);
  if (from === undefined || to === undefined)
    return foreignPart(part) ?? `is not within ${field.min} to ${field.max}${nearMiss(field, part)}`;
  if (from > to) return `is a range that runs backwards${turned(field, first, last ?? '')}`;
  return { from, to, step, isBounded: last !== undefined || stepText === undefined };
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

/** As the end of a range, the name of Sunday means the day after Saturday. */
function endOf(field: Field, text: string): number | undefined {
  return field.day === 'ofWeek' && text.toUpperCase() === dayNames[0] ? field.max : numberOf(field, text);
}

/** Returns a hint for the like of 24 in the hour, `monday`, and a year. */
function nearMiss({ name, min, max, names = [] }: Field, part: string): string {
  if (Number(part) === max + 1 && min === 0 && names.length === 0)
    return `: the first ${name} is 0, and the last is ${max}`;
  if (/^\d{4}/.test(part)) return ': no field is for the year';
  const short = names.find((each) => part.length > 3 && part.toUpperCase().startsWith(each));
  return short === undefined ? '' : `: write names with three letters, such as ${short}`;
}

function turned(field: Field, first: string, last: string): string {
  const [top, bottom] = [topOf(field), field.min].map((value) => field.names?.[value - field.min] ?? value);
  return `: write "${first}-${top},${bottom}-${last}" to go over its end`;
}
