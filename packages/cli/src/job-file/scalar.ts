/**
 * A scalar of a job file that YAML reads as a number, a truth value or null. Fields of text take the text as
 * it was written; other fields take the value.
 */
export class PlainScalar {
  readonly text: string;
  readonly value: unknown;

  constructor(text: string, value: unknown) {
    this.text = text;
    this.value = value;
  }
}

/** Returns the written text of a scalar. Other values and a place without a value stay as they are. */
export function toText(given: unknown): unknown {
  return given instanceof PlainScalar && given.text !== '' ? given.text : given;
}

/** Returns the value of a scalar for YAML. Other values stay as they are. */
export function toValue(given: unknown): unknown {
  return given instanceof PlainScalar ? given.value : given;
}

/** Returns the number of plain decimal digits. Other notations stay texts: people read them differently. */
export function toWholeNumber(given: unknown): unknown {
  const text = toText(given);
  return typeof text === 'string' && /^(0|-?[1-9]\d*)$/.test(text) ? Number(text) : text;
}
