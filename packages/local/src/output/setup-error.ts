/** Set-up cannot go on. The message names the missing part in plain words, and the way to get it. */
export class SetupError extends Error {
  override readonly name = 'SetupError';
}

/** Returns an error's message with the messages of its causes, for a person. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined
    ? error.message
    : `${error.message}\n  because: ${describeError(error.cause)}`;
}
