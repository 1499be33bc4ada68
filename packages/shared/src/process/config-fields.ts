/**
 * Numbers and times among the settings, each with its bounds and with messages in the words of the other
 * settings.
 */
import { z } from 'zod';
import { durationMs } from './config.js';

/** A number; decimals allowed. */
export const amount = z.coerce.number({ error: 'must be a number' });

const whole = amount.int({ error: 'must be a whole number' });

/** A whole number, 0 or more. */
export const count = whole.nonnegative({ error: 'must not be negative' });

/** A whole number, 1 or more. */
export const positiveCount = whole.positive({ error: 'must be greater than 0' });

/** The bounds of a time, written as in the environment. */
interface SpanBounds {
  /** 0 if it is not given. */
  readonly least?: string;
  /**
   * Ten years if it is not given. So many milliseconds are enough for all uses, and fit Redis and timers.
   */
  readonly most?: string;
  /** 0 is allowed besides the span between the bounds. It means that there is no such time. */
  readonly orZero?: boolean;
}

const tenYears = '87600h';
const leastOfField = new WeakMap<z.ZodType, string>();

/** A time in milliseconds, with its default. */
export function span(fallback: string, { least = '0', most = tenYears, orZero = false }: SpanBounds = {}) {
  const [leastMs, mostMs] = [durationMs.parse(least), durationMs.parse(most)];
  const field = durationMs
    .refine((ms) => ms >= leastMs || (orZero && ms === 0), {
      error: `must be ${orZero ? '0 or ' : ''}at least ${least}`,
    })
    .refine((ms) => ms <= mostMs, { error: `must be at most ${most}` })
    .prefault(fallback);
  if (leastMs > 0) leastOfField.set(field, least);
  return field;
}

/** Returns the least value of a field made by {@link span}, in words; undefined if it has none. */
export function leastSpanOf(field: z.ZodType): string | undefined {
  return leastOfField.get(field);
}
