/** The command line is wrong. The message gives the right form. */
export class CommandLineError extends Error {
  override readonly name = 'CommandLineError';
}
