import { UsageError } from '../errors/usage-error.js';

/** The options of `run` and `submit`. */
export interface JobOptions {
  readonly file?: string;
  readonly name?: string;
  readonly service?: boolean;
  /**
   * Numbers stay texts here. They are parsed with everything else, so that all mistakes are reported at once.
   */
  readonly instances?: string;
  readonly cpu?: string;
  readonly memory?: string;
  readonly disk?: string;
  readonly network?: string;
  readonly gpu?: string;
  readonly port?: readonly string[];
  readonly env?: readonly string[];
  /** Paths of files with further variables. */
  readonly envFile?: readonly string[];
  readonly label?: readonly string[];
  readonly entrypoint?: string;
  readonly retries?: string;
  readonly runtimeLimit?: string;
  readonly retryRuntimeLimit?: boolean;
  readonly cluster?: string;
}

/** Splits `name=value`; a name alone has an empty value. */
export function splitLabel(pair: string): [string, string] {
  const equals = pair.indexOf('=');
  if (equals === 0) throw new UsageError(`--label ${pair}: must be name=value.`);
  return equals < 0 ? [pair, ''] : [pair.slice(0, equals), pair.slice(equals + 1)];
}
