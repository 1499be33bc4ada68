import { didYouMean } from '@berth/shared/model/errors/did-you-mean';
import { variableNameProblem, variableValueProblem } from '@berth/shared/model/job/environment';
import { z } from 'zod';
import { fieldAdvice } from '../errors/advice.js';
import { parseDurationMs } from './duration.js';
import { PlainScalar, toText, toValue, toWholeNumber } from './scalar.js';
import { splitWords } from './words.js';

/** Accepts an object with only these fields. An unknown field is reported with the most similar known one. */
export function form<S extends z.ZodRawShape>(shape: S) {
  return z.strictObject(shape, {
    error: (issue) => {
      if (issue.code === 'unrecognized_keys') return unknownFields(issue.keys, Object.keys(shape));
      const isOther = issue.code === 'invalid_type' && issue.input !== undefined;
      return isOther ? `must be a map with ${Object.keys(shape).join(', ')}` : undefined;
    },
  });
}

/** Does the same for the value of a field. */
export function strict<S extends z.ZodRawShape>(shape: S) {
  return z.preprocess(toValue, form(shape));
}

/** Returns one line for each key, in the order of the keys. */
function unknownFields(keys: readonly string[], known: readonly string[]): string {
  return keys
    .map((key) => {
      const advice = fieldAdvice(key);
      if (advice !== undefined) return advice;
      const meant = didYouMean(key, known);
      return meant === undefined
        ? 'there is no such field'
        : `there is no such field; did you mean ${meant}?`;
    })
    .join('\n');
}

/** A text, as it was written: `1.10` is the text 1.10, and not the number 1.1. */
export const text = textOr('must be a text or a number');

/** Does the same with a message of its own. */
export function textOr(message: string) {
  return z.preprocess(toText, z.string({ error: ({ input }) => (isNothing(input) ? noValue : message) }));
}

/** A text that is not empty. */
export const filled = text.refine((given) => given !== '', { error: 'must not be empty' });

const noValue = 'has no value: write one, or leave the field out';

/** True if a field has nothing after its colon. */
function isNothing(given: unknown): boolean {
  return given instanceof PlainScalar && given.text === '';
}

/** A map from text to text. A key without a value has the empty text. */
export const textMap = z.preprocess(
  toValue,
  z.record(
    z.string(),
    z.preprocess((given) => (isNothing(given) ? '' : given), text),
    { error: 'must be a map of names to values' },
  ),
);

/** Variables of an environment. */
export const environment = textMap.superRefine(checkEnvironment);

export function checkEnvironment(
  variables: Readonly<Record<string, string>>,
  context: z.RefinementCtx,
): void {
  for (const [name, value] of Object.entries(variables)) {
    for (const message of [variableNameProblem(name), variableValueProblem(value)])
      if (message !== undefined) context.addIssue({ code: 'custom', path: [name], message });
  }
}

const greatest = 4_294_967_295;

export const count = z.preprocess(
  toWholeNumber,
  z.number({ error: 'must be a whole number' }).superRefine((number, context) => {
    if (number < 0) context.addIssue('must not be negative');
    else if (number > greatest) context.addIssue('is too great');
    else if (!Number.isInteger(number)) context.addIssue('must be a whole number');
  }),
);

export const flag = z.preprocess(toValue, z.boolean({ error: 'must be true or false' }));

const timeForm = 'must be a time such as 90s, 10m or 1h30m';

/** A time span in milliseconds. */
export const duration = textOr(timeForm).transform((written, context) => {
  const ms = parseDurationMs(written);
  if (ms !== undefined) return ms;
  context.addIssue(`${timeForm}, not ${JSON.stringify(written)}`);
  return z.NEVER;
});

/** A time span with a greatest length. */
export function durationUpTo(max: string) {
  const maxMs = parseDurationMs(max) ?? 0;
  return duration.refine((ms) => ms <= maxMs, { error: `must be at most ${max}` });
}

/** Arguments: a list, or one text that is split like a shell command. */
export const argumentList = z
  .union([z.array(text), text], { error: 'must be a list of arguments, or one text' })
  .transform((value, context) => {
    const words = typeof value === 'string' ? splitWords(value) : value;
    if (words !== undefined) return words;
    context.addIssue('has a quote that is not closed');
    return z.NEVER;
  });
