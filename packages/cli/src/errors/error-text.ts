import { BerthError } from '@berth/shared/model/errors/errors';
import { exitCodes } from './exit-code.js';
import { UsageError } from './usage-error.js';

/** The report of a failure for the user, and the exit code. */
interface ErrorReport {
  readonly lines: readonly string[];
  readonly exitCode: number;
}

/** An error must never be without words. */
const noWords = 'the command failed without a reason (BERTH_DEBUG=1 shows more)';

/** The gateway speaks of metadata and certificates. The command line has variables for them instead. */
const credentialAdvice =
  'BERTH_API_TOKEN is the bearer token that berth sends; BERTH_API_CERT and BERTH_API_KEY name the files of the client certificate.';

/**
 * Builds the report: one sentence, and a line for each problem if there are several. It never holds a stack
 * trace.
 */
export function errorReport(error: unknown): ErrorReport {
  if (error instanceof UsageError) return report(error.message, exitCodes.usage, error.problems);
  if (!(error instanceof BerthError)) {
    return report(`unexpected error: ${text(error)} (BERTH_DEBUG=1 shows more)`, exitCodes.failed);
  }
  if (isUnreachable(error)) {
    const advice =
      'check that a cell is running (`npm start`) and that --address or BERTH_API_GRPC names its gateway.';
    return report(
      `the gateway at ${error.address} cannot be reached, since ${error.reason}: ${advice}`,
      exitCodes.failed,
    );
  }
  if (error.code === 'unauthenticated') return report(error.message, exitCodes.failed, [credentialAdvice]);
  if (error.violations.length === 0) {
    return report(error.message, error.code === 'invalidArgument' ? exitCodes.usage : exitCodes.failed);
  }
  const problems = error.violations.map(
    ({ field, description }) => `${field || 'and'}: ${description || 'is not valid'}`,
  );
  return report('the gateway refuses the request:', exitCodes.usage, problems);
}

function report(sentence: string, exitCode: number, problems: readonly string[] = []): ErrorReport {
  return {
    lines: [`berth: ${sentence.trim() || noWords}`, ...problems.map((problem) => `  ${problem}`)],
    exitCode,
  };
}

/**
 * Recognises the client's UnreachableError by its fields. An import of its class would load all of gRPC for
 * every command.
 */
function isUnreachable(error: BerthError): error is BerthError & { address: string; reason: string } {
  return 'address' in error && 'reason' in error;
}

function text(error: unknown): string {
  if (!(error instanceof Error)) return String(error) || 'no reason is known';
  if (error.message.trim() !== '') return error.message;
  // Node's error of several failed connections has no words of its own.
  const inner = error instanceof AggregateError ? error.errors.map(text).join('; ') : '';
  return inner || error.name;
}
