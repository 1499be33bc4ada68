/** The command line is wrong; the message says how it is to be. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
