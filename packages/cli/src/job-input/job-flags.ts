import type { JobDescriptor } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { parsePort } from '@berth/shared/model/resources/ports';
import { UsageError } from '../errors/usage-error.js';
import { amountProblems } from '../job-file/amounts.js';
import { toDescriptor } from '../job-file/descriptor.js';
import type { Io } from '../terminal/io.js';
import { inFlags } from './flag-words.js';
import { type JobOptions, splitLabel } from './job-options.js';

const complaint = 'The command line describes no valid job:';

/**
 * Builds the job from the flags.
 * @throws UsageError that names every mistake.
 */
export function fromFlags(
  io: Io,
  image: string,
  words: readonly string[],
  options: JobOptions,
): JobDescriptor {
  const problems: string[] = [];
  const fields = fieldsOf(image, words, options, new Reader(io, problems));
  const job = attempt(() => toDescriptor(fields, complaint), problems);
  if (job !== undefined && problems.length === 0) return job;
  // The gateway checks amounts, but a wrong command line is never sent. So they are checked here too.
  throw new UsageError(complaint, [...new Set([...problems, ...amountProblems(options)].map(inFlags))]);
}

/** Builds the short form of a job file, without the wrong values. */
function fieldsOf(image: string, words: readonly string[], options: JobOptions, read: Reader): object {
  const { service, port, env = [], label = [] } = options;
  const { name, cpu, memory, disk, network, gpu, entrypoint, runtimeLimit, retryRuntimeLimit } = options;
  const plain = {
    name,
    cpu,
    memory,
    disk,
    network,
    gpu,
    entrypoint,
    runtimeLimit,
    retryRuntimeLimit,
    type: service === true ? 'service' : undefined,
    ports: port?.flatMap((text) => read.port(text) ?? []),
    instances: read.count('instances', options.instances),
    retries: options.retries === 'never' ? 'never' : read.count('retries', options.retries),
  };
  return {
    image,
    command: words,
    env: Object.fromEntries(env.flatMap((pair) => read.env(pair))),
    labels: Object.fromEntries(label.flatMap((pair) => read.label(pair))),
    ...Object.fromEntries(Object.entries(plain).filter(([, value]) => value !== undefined)),
  };
}

/** Reads the values of flags and collects the problems. */
class Reader {
  readonly #io: Io;
  readonly #problems: string[];

  constructor(io: Io, problems: string[]) {
    this.#io = io;
    this.#problems = problems;
  }

  count(flag: string, text: string | undefined): number | undefined {
    if (text === undefined || /^\d{1,15}$/.test(text)) return text === undefined ? undefined : Number(text);
    this.#problems.push(`--${flag} ${text}: must be a whole number.`);
    return undefined;
  }

  port(text: string): string | undefined {
    const parsed = parsePort(text);
    if (typeof parsed !== 'string') return text;
    this.#problems.push(`--port ${text}: ${parsed}.`);
    return undefined;
  }

  env(pair: string): [string, string][] {
    const equals = pair.indexOf('=');
    if (equals > 0) return [[pair.slice(0, equals), pair.slice(equals + 1)]];
    const value = this.#io.env[pair];
    if (equals < 0 && value !== undefined) return [[pair, value]];
    this.#problems.push(`--env ${pair}: must be NAME=VALUE, or the name of a variable of the calling shell.`);
    return [];
  }

  label(pair: string): [string, string][] {
    const label = attempt(() => splitLabel(pair), this.#problems);
    return label === undefined ? [] : [label];
  }
}

/** Returns the result of `make`. If it fails, its problems are collected and the result is undefined. */
function attempt<T>(make: () => T, problems: string[]): T | undefined {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    problems.push(...(error.problems.length > 0 ? error.problems : [error.message]));
    return undefined;
  }
}
