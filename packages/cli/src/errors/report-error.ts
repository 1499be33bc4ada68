import type { Io } from '../terminal/io.js';
import { errorReport } from './error-text.js';

/** Prints the failure to the user. Returns the exit code. */
export function reportError(error: unknown, io: Io): number {
  const { lines, exitCode } = errorReport(error);
  for (const line of lines) io.err(line);
  if (io.env.BERTH_DEBUG === '1') io.err(stackOf(error));
  return exitCode;
}

function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const own = error.stack ?? error.message;
  return error.cause === undefined ? own : `${own}\ncaused by ${stackOf(error.cause)}`;
}
