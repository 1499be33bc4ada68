import { UsageError } from '../errors/usage-error.js';

/** What `run` and `submit` are given on the command line. */
export interface JobOptions {
  readonly file?: string;
  readonly name?: string;
  readonly service?: boolean;
  /** Numbers are read with all the rest, so that everything that is wrong is told at once. */
  readonly instances?: string;
  readonly cpu?: string;
  readonly memory?: string;
  readonly disk?: string;
  readonly network?: string;
  readonly gpu?: string;
  readonly port?: readonly string[];
  readonly env?: readonly string[];
  readonly label?: readonly string[];
  readonly entrypoint?: string;
  readonly retries?: string;
  readonly runtimeLimit?: string;
  readonly cluster?: string;
}

/** `name=value`, or a name alone for an empty value. */
export function splitLabel(pair: string): [string, string] {
  const equals = pair.indexOf('=');
  if (equals === 0) throw new UsageError(`--label ${pair}: must be name=value.`);
  return equals < 0 ? [pair, ''] : [pair.slice(0, equals), pair.slice(equals + 1)];
}
