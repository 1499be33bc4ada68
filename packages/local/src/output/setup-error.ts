/** Set-up cannot go on; the message says in plain words what is missing and what to do about it. */
export class SetupError extends Error {
  override readonly name = 'SetupError';
}

/** An error's message with those of its causes, for a person to read. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined
    ? error.message
    : `${error.message}\n  because: ${describeError(error.cause)}`;
}
