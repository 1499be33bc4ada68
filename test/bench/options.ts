import { parseArgs } from 'node:util';

/** An option of a benchmark: its purpose, its default, and the reader of its text. */
export interface BenchOption<T> {
  readonly about: string;
  readonly otherwise: string;
  /** Throws if the text is invalid. The message continues after the option's name. */
  read(text: string): T;
}

type Options = Readonly<Record<string, BenchOption<unknown>>>;
type Values<O extends Options> = { readonly [K in keyof O]: O[K] extends BenchOption<infer T> ? T : never };

/** A whole number. */
export function count(about: string, otherwise: number, least = 1): BenchOption<number> {
  return { about, otherwise: String(otherwise), read: (text) => number(text, { least, isWhole: true }) };
}

/** A number above 0. */
export function amount(
  about: string,
  otherwise: number,
  most = Number.POSITIVE_INFINITY,
): BenchOption<number> {
  return { about, otherwise: String(otherwise), read: (text) => number(text, { above: 0, most }) };
}

/** Whole numbers, each followed by a comma. */
export function counts(about: string, otherwise: readonly number[]): BenchOption<readonly number[]> {
  const read = (text: string) => text.split(',').map((one) => number(one, { least: 1, isWhole: true }));
  return { about, otherwise: otherwise.join(','), read };
}

/** Some of the names that there are. */
export function someOf<N extends string>(about: string, all: readonly N[]): BenchOption<ReadonlySet<N>> {
  const read = (text: string) => {
    const isKnown = (name: string): name is N => all.some((known) => known === name);
    const names = text.split(',');
    const strangers = names.filter((name) => !isKnown(name));
    if (strangers.length > 0) throw new Error(`has no ${strangers.join(', ')}; there are ${all.join(', ')}`);
    return new Set(names.filter(isKnown));
  };
  return { about, otherwise: all.join(','), read };
}

/** Parts of names, for `namesWith`. Every name contains the empty part. */
export function partsOfNames(about: string): BenchOption<readonly string[]> {
  return { about, otherwise: '', read: (text) => text.split(',') };
}

/**
 * Returns the names that contain one of the parts. Ends the process if no name contains a part: the
 * omission would go unnoticed.
 */
export function namesWith(parts: readonly string[], names: readonly string[]): ReadonlySet<string> {
  const strangers = parts.filter((part) => !names.some((name) => name.includes(part)));
  if (strangers.length > 0)
    refuse(`no case has ${strangers.join(' or ')} in its name; there are:\n  ${names.join('\n  ')}\n`);
  return new Set(names.filter((name) => parts.some((part) => name.includes(part))));
}

/** Any text. */
export function words(about: string, otherwise: string): BenchOption<string> {
  return { about, otherwise, read: (text) => text };
}

interface Bounds {
  readonly least?: number;
  readonly above?: number;
  readonly most?: number;
  readonly isWhole?: boolean;
}

function number(text: string, { least, above, most, isWhole = false }: Bounds): number {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  const bounds = [
    ...(least === undefined ? [] : [`of at least ${least}`]),
    ...(above === undefined ? [] : [`above ${above}`]),
    ...(most === undefined || most === Number.POSITIVE_INFINITY ? [] : [`up to ${most}`]),
  ];
  const isWithin =
    value >= (least ?? -Infinity) && value > (above ?? -Infinity) && value <= (most ?? Infinity);
  if (!isWithin || (isWhole && !Number.isInteger(value)))
    throw new Error(
      `must be a ${isWhole ? 'whole ' : ''}number ${bounds.join(' and ')}, is ${JSON.stringify(text)}`,
    );
  return value;
}

/** Reads the arguments. Returns the values of all options, the requested help, or all faults. */
export function readOptions<O extends Options>(
  name: string,
  options: O,
  args: readonly string[],
): { readonly values: Values<O> } | { readonly help: string } | { readonly problems: readonly string[] } {
  const { values: given, positionals } = parseArgs({
    args: [...args],
    options: Object.fromEntries(Object.keys(options).map((key) => [key, { type: 'string' as const }])),
    strict: false,
  });
  if (given.help !== undefined) return { help: helpOf(name, options) };
  const problems = [
    ...positionals.map((one) => `${JSON.stringify(one)} is not an option`),
    ...Object.keys(given)
      .filter((key) => !Object.hasOwn(options, key))
      .map((key) => `there is no --${key}`),
  ];
  const values = Object.entries(options).map(([key, option]) => {
    const text = given[key] ?? option.otherwise;
    try {
      if (typeof text !== 'string') throw new Error('needs a value');
      return [key, option.read(text)];
    } catch (error) {
      problems.push(`--${key} ${error instanceof Error ? error.message : String(error)}`);
      return [key, undefined];
    }
  });
  return problems.length > 0 ? { problems } : { values: Object.fromEntries(values) as Values<O> };
}

function helpOf(name: string, options: Options): string {
  const lines = Object.entries(options).map(([key, { about, otherwise }]) => {
    const usual = otherwise === '' ? '' : ` (${otherwise})`;
    return `  --${key}\n      ${about}${usual}`;
  });
  return `npm run bench -- ${name} [OPTIONS]\nOptions, and what they are where they are not given:\n${lines.join('\n')}\n`;
}

const exitCodeOfUsage = 2;

/**
 * Returns the options of this benchmark from the command line. Ends the process if help is requested, or if
 * an option is wrong.
 */
export function benchOptions<O extends Options>(name: string, options: O): Values<O> {
  const read = readOptions(name, options, process.argv.slice(2));
  if ('values' in read) return read.values;
  if ('help' in read) {
    process.stdout.write(read.help);
    process.exit(0);
  }
  return refuse(`${read.problems.join('\n')}\n\n${helpOf(name, options)}`);
}

function refuse(message: string): never {
  process.stderr.write(message);
  process.exit(exitCodeOfUsage);
}
