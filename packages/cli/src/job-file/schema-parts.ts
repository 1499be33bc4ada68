import { didYouMean } from '@berth/shared/model/errors/did-you-mean';
import { z } from 'zod';
import { parseDurationMs } from './duration.js';
import { splitWords } from './words.js';

/** Accepts an object with only these fields. An unknown field is reported with the most similar known one. */
export function strict<S extends z.ZodRawShape>(shape: S) {
  return z.strictObject(shape, {
    error: (issue) =>
      issue.code === 'unrecognized_keys' ? unknownFields(issue.keys, Object.keys(shape)) : undefined,
  });
}

/** Returns one line for each key, in the order of the keys. */
function unknownFields(keys: readonly string[], known: readonly string[]): string {
  return keys
    .map((key) => {
      const meant = didYouMean(key, known);
      return meant === undefined
        ? 'there is no such field'
        : `there is no such field; did you mean ${meant}?`;
    })
    .join('\n');
}

/** A text of the API that YAML may read as a number or a truth value. */
export const scalarText = z
  .union([z.string(), z.number(), z.boolean()], { error: 'must be a text or a number' })
  .transform(String);

/** A map from text to text. A key without a value has the empty text. */
export const textMap = z.record(
  z.string(),
  scalarText.nullable().transform((value) => value ?? ''),
  {
    error: 'must be a map of names to values',
  },
);

export const name = z.string({ error: 'must be a text' });

export const count = z
  .int({ error: 'must be a whole number' })
  .min(0, { error: 'must not be negative' })
  .max(4_294_967_295, { error: 'is too great' });

/** A time span in milliseconds. */
export const duration = z
  .union([z.string(), z.number()], { error: 'must be a time such as 90s, 10m or 1h30m' })
  .transform((value, context) => {
    const ms = parseDurationMs(String(value));
    if (ms !== undefined) return ms;
    context.addIssue(`must be a time such as 90s, 10m or 1h30m, not ${JSON.stringify(value)}`);
    return z.NEVER;
  });

/** Arguments: a list, or one text that is split like a shell command. */
export const argumentList = z
  .union([z.array(scalarText), z.string()], { error: 'must be a list of arguments, or one text' })
  .transform((value, context) => {
    const words = typeof value === 'string' ? splitWords(value) : value;
    if (words !== undefined) return words;
    context.addIssue('has a quote that is not closed');
    return z.NEVER;
  });
