import { z } from 'zod';
import { formatAddress, isLoopback, type ListenAddress, parseAddress } from './address.js';
import { filePath } from './config-files.js';

/** The environment does not make a configuration; the message names every variable that is wrong. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  /** Each as `VARIABLE: fault`, if the error was made from such faults. */
  problems: readonly string[] = [];

  /** One that names several problems, each as `VARIABLE: what is wrong`. */
  static of(problems: readonly string[]): ConfigError {
    const lines = problems.map((line) => `  ${line}`).join('\n');
    const error = new ConfigError(`The configuration is not valid:\n${lines}`);
    error.problems = problems;
    return error;
  }
}

/**
 * Reads a service's configuration from the environment. The schema is an object with variable names as
 * keys. An empty variable counts as unset. Listening on other than loopback is refused, unless
 * BERTH_INSECURE=1 or, in a schema that has {@link tlsConfigShape}, a certificate is given.
 * @throws ConfigError that names all faults at once.
 */
export function parseConfig<S extends z.ZodType>(
  schema: S,
  env: NodeJS.ProcessEnv = process.env,
): z.output<S> {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value?.trim()));
  const parsed = schema.safeParse(given);
  const wrong = parsed.success ? [] : parsed.error.issues.map((issue) => describe(issue, given));
  const shape = shapeOf(schema);
  const problems = [...wrong, ...halfTls(shape, given), ...openListening(shape, given)];
  if (parsed.success && problems.length === 0) return parsed.data;
  throw ConfigError.of(problems);
}

/**
 * Returns the result of each reader, by its name.
 * @throws ConfigError that names the faults of all readers at once.
 */
export function readAll<T extends object>(readers: { readonly [K in keyof T]: () => T[K] }): T {
  const problems: string[] = [];
  const read: Partial<T> = {};
  for (const name of Object.keys(readers) as (keyof T)[]) {
    try {
      read[name] = readers[name]();
    } catch (error) {
      if (!(error instanceof ConfigError) || error.problems.length === 0) throw error;
      problems.push(...error.problems);
    }
  }
  if (problems.length > 0) throw ConfigError.of(problems);
  return read as T;
}

function describe(issue: z.core.$ZodIssue, given: Given): string {
  const name = issue.path.join('.');
  const value = given[name];
  // An unset setting has two possible faults: it conflicts with others, or it must be set.
  if (value === undefined && issue.code !== 'custom') return `${name}: must be set`;
  if (issue.code !== 'invalid_type') return `${name}: ${issue.message}`;
  const expected = issue.expected === 'int' ? 'whole number' : issue.expected;
  return `${name}: must be a ${expected}, not ${JSON.stringify(value)}`;
}

type Given = Readonly<Record<string, string | undefined>>;
type Shape = Readonly<Record<string, z.ZodType>>;

const listenFields = new WeakSet<z.ZodType>();

/** `host:port`, as {@link ListenAddress}. */
export function listenAddress(defaultAddress: string) {
  const field = z
    .string()
    .transform((text, context) => {
      const address = parseAddress(text);
      if (address) return address;
      context.addIssue(`must be host:port such as 127.0.0.1:7104, not ${JSON.stringify(text)}`);
      return z.NEVER;
    })
    .prefault(defaultAddress);
  listenFields.add(field);
  return field;
}

/** Tells of each field, good in itself, that would let other machines in unprotected. */
function openListening(shape: Shape, given: Given): string[] {
  const isSafe = flag.safeParse(given.BERTH_INSECURE).data === true || tlsNames(shape, given).length === 2;
  return Object.entries(shape).flatMap(([name, field]) => {
    if (isSafe || !listenFields.has(field)) return [];
    const address = field.safeParse(given[name]).data as ListenAddress | undefined;
    if (address === undefined || isLoopback(address.host)) return [];
    const tls = 'BERTH_TLS_CERT' in shape ? 'BERTH_TLS_CERT and BERTH_TLS_KEY, or ' : '';
    return [`${name}: ${formatAddress(address)} lets other machines in; that needs ${tls}BERTH_INSECURE=1`];
  });
}

function halfTls(shape: Shape, given: Given): string[] {
  const names = tlsNames(shape, given);
  if (names.length === 1)
    return [`${names.join()}: BERTH_TLS_CERT and BERTH_TLS_KEY are set both or neither`];
  const isAlone = names.length === 0 && 'BERTH_TLS_CLIENT_CA' in shape && given.BERTH_TLS_CLIENT_CA;
  return isAlone ? ['BERTH_TLS_CLIENT_CA: needs BERTH_TLS_CERT and BERTH_TLS_KEY'] : [];
}

/** Returns the names of the two TLS settings that are set, for a service that can use them. */
function tlsNames(shape: Shape, given: Given): string[] {
  return ['BERTH_TLS_CERT', 'BERTH_TLS_KEY'].filter((name) => name in shape && given[name] !== undefined);
}

function shapeOf(schema: z.core.$ZodType): Shape {
  if (schema instanceof z.ZodPipe) return shapeOf(schema.in);
  return schema instanceof z.ZodObject ? schema.shape : {};
}

/** `1` or `true`, `0` or `false`. */
export const flag = z
  .enum(['1', 'true', '0', 'false'], { error: 'must be 1 or 0' })
  .transform((text) => text === '1' || text === 'true');

const msPerUnit = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const;

/** A time span such as `250ms`, `10s`, `5m` or `1h`, in milliseconds; a number alone is milliseconds. */
export const durationMs = z.string().transform((text, context) => {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text.trim());
  const unit = (match?.[2] ?? 'ms') as keyof typeof msPerUnit;
  if (match) return Math.round(Number(match[1]) * msPerUnit[unit]);
  context.addIssue(`must be a time such as 250ms, 10s, 5m or 1h, not ${JSON.stringify(text)}`);
  return z.NEVER;
});

/**
 * The address of Redis: `redis://`, `rediss://`, `unix://`, or `redis+sentinel://` with the addresses of
 * the sentinels, a form that the rules of URLs do not allow. The message does not repeat the text, since it
 * may hold a password.
 */
export const redisUrl = z.string().refine(isRedisUrl, {
  error: 'must be an address such as redis://127.0.0.1:6379 or redis+sentinel://HOST:PORT,HOST:PORT/NAME',
  abort: true,
});

function isRedisUrl(text: string): boolean {
  if (text.startsWith('redis+sentinel://')) return /^redis\+sentinel:\/\/[^/]+\/.+$/.test(text);
  return URL.canParse(text) && ['redis:', 'rediss:', 'unix:'].includes(new URL(text).protocol);
}

/** `name=value` pairs, separated by commas. */
export const attributes = z.string().transform((text, context): Readonly<Record<string, string>> => {
  const pairs = text.split(',').filter((pair) => pair.trim() !== '');
  const entries = pairs.map((pair) => splitPair(pair));
  const bad = pairs.filter((_, index) => entries[index]?.[0] === '');
  const names = entries.map(([name]) => name);
  const twice = names.filter((name, index) => name !== '' && names.indexOf(name) !== index);
  if (bad.length > 0)
    context.addIssue(`must be name=value,name=value; ${JSON.stringify(bad.join(','))} is not`);
  if (twice.length > 0) context.addIssue(`names ${twice.join(', ')} more than once`);
  return Object.fromEntries(entries);
});

function splitPair(pair: string): [name: string, value: string] {
  const equals = pair.indexOf('=');
  return equals < 0 ? ['', pair] : [pair.slice(0, equals).trim(), pair.slice(equals + 1).trim()];
}

/** A cell's name: part of every key and of containers' labels. */
export const cellName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, { error: 'must be 1 to 63 lower-case letters, digits or hyphens' });

/** The settings of every service of a cell. */
export const cellConfigShape = {
  BERTH_REDIS_URL: redisUrl.default('redis://127.0.0.1:6379'),
  BERTH_CELL: cellName.default('local'),
  BERTH_LOG_LEVEL: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'], {
      error: 'must be trace, debug, info, warn, error, fatal or silent',
    })
    .default('info'),
  BERTH_INSECURE: flag.default(false),
  /** `off` reads and writes the store in the plain way, without the code that exists only for speed. */
  BERTH_STORE_TUNING: z.enum(['on', 'off'], { error: 'must be on or off' }).default('on'),
};

/** For services that can listen with TLS: paths of PEM files, to be read with `readTls`. Both or neither. */
export const tlsConfigShape = {
  BERTH_TLS_CERT: filePath.optional(),
  BERTH_TLS_KEY: filePath.optional(),
  /** Certificates of the authorities that sign the certificates of allowed clients (mTLS). */
  BERTH_TLS_CLIENT_CA: filePath.optional(),
};
