/** The command line is wrong. The message gives the right form. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
