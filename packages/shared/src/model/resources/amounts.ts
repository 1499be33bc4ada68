/** One MB of memory or disk, in bytes: MB is decimal, MiB is 2^20 bytes. */
export const bytesPerMb = 1_000_000;

/** How the amount of one resource is written in a job's container. */
export interface WrittenAmount {
  /** Parts of the result's unit in each unit that may be written; '' is a number without a unit. */
  readonly units: ReadonlyMap<string, bigint>;
  /** Divides the product of number and unit. The result is in the result's unit. */
  readonly divisor: bigint;
  readonly isZeroAllowed: boolean;
  /** The greatest amount accepted, in the result's unit. Sums over a cell stay exact below it. */
  readonly max: number;
  /** The least that a container engine can give, in the result's unit. */
  readonly least?: Least;
  /** Amounts above this one must be multiples of it. */
  readonly wholeAbove?: number;
  readonly meaning: string;
}

/** The least amount of a container, and the same as text. */
export interface Least {
  readonly amount: number;
  readonly text: string;
}

/** A number with an optional unit, exact: `digits / 10^decimals`, counted in `unit`. */
interface WrittenNumber {
  readonly digits: bigint;
  readonly decimals: number;
  readonly unit: string;
}

const prefixes: readonly (readonly [string, bigint])[] = [
  ['', 1n],
  ['k', 1000n],
  ['K', 1000n],
  ['M', 1000n ** 2n],
  ['G', 1000n ** 3n],
  ['T', 1000n ** 4n],
  ['Ki', 1024n],
  ['Mi', 1024n ** 2n],
  ['Gi', 1024n ** 3n],
  ['Ti', 1024n ** 4n],
];

/** Units in bits: `b` is bits, `B` is bytes. */
function bitUnits(withoutUnit: bigint, suffixes: readonly string[]): ReadonlyMap<string, bigint> {
  const units = new Map<string, bigint>([['', withoutUnit]]);
  for (const [prefix, factor] of prefixes) {
    for (const suffix of suffixes) {
      units.set(`${prefix}b${suffix}`, factor);
      units.set(`${prefix}B${suffix}`, factor * 8n);
    }
  }
  return units;
}

const bitsPerMb = BigInt(bytesPerMb) * 8n;

/** Numbers without a unit, kept in thousandths. */
export const thousandths = { units: new Map([['', 1000n]]), divisor: 1n };

/** Sizes, kept in MB. */
export const megabytes = {
  units: bitUnits(bitsPerMb, ['']),
  divisor: bitsPerMb,
  meaning: 'a number of MB, or one with a unit such as 512MiB or 10GB (b is bits, B is bytes)',
};

/** Rates, kept in Mbps. */
export const megabitsPerSecond = {
  units: bitUnits(1_000_000n, ['', 'ps', '/s']),
  divisor: 1_000_000n,
  meaning: 'a number of Mbps, or one with a unit such as 10Gb (b is bits, B is bytes)',
};

/** The amount, rounded up to a whole unit; or a sentence that says why the text is none. */
export function parseAmount(rule: WrittenAmount, text: string): number | string {
  const written = parseWritten(text);
  const unit = written === undefined ? undefined : rule.units.get(written.unit);
  if (written === undefined || unit === undefined)
    return `is ${JSON.stringify(text)}, but must be ${rule.meaning}`;
  const divisor = rule.divisor * 10n ** BigInt(written.decimals);
  const amount = (written.digits * unit + divisor - 1n) / divisor;
  if (amount === 0n && !rule.isZeroAllowed) return 'must be greater than 0';
  if (amount > BigInt(rule.max)) return `is ${JSON.stringify(text)}, which is more than any agent can have`;
  const value = Number(amount);
  const { wholeAbove = 1 } = rule;
  if (value > wholeAbove && value % wholeAbove !== 0) return `must be ${rule.meaning}`;
  return value;
}

function parseWritten(text: string): WrittenNumber | undefined {
  const match = /^(\d{1,15})(?:\.(\d{1,9}))? ?([A-Za-z/]{0,6})$/.exec(text.trim());
  if (match === null) return undefined;
  const [, whole = '', fraction = '', unit = ''] = match;
  return { digits: BigInt(whole + fraction), decimals: fraction.length, unit };
}
