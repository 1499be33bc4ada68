/**
 * A mistake in the command line or in a job file. The message is a sentence; the problems follow it, one on
 * each line.
 */
export class UsageError extends Error {
  override readonly name = 'UsageError';
  readonly problems: readonly string[];

  constructor(message: string, problems: readonly string[] = []) {
    super(message);
    this.problems = problems;
  }
}
