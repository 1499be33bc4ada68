/** The inputs of {@link exponentialDelayMs}. */
interface ExponentialDelay {
  readonly firstMs: number;
  readonly maxMs: number;
  /** Attempts that failed before the one that the delay follows: the first delay has number 0. */
  readonly attempt: number;
}

/** A greater exponent adds nothing: one millisecond is then longer than any delay that can be stored. */
const maxExponent = 52;

/** Returns the delay before the next attempt: `firstMs`, doubled with each attempt, at most `maxMs`. */
export function exponentialDelayMs({ firstMs, maxMs, attempt }: ExponentialDelay): number {
  return Math.min(maxMs, firstMs * 2 ** Math.min(attempt, maxExponent));
}
