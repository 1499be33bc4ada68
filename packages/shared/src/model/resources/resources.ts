import type { Resources } from '../../gen/berth/v1/store.js';
import type { Container } from '../../gen/netflix/titus/titus_job_api.js';
import type { FieldViolation } from '../errors/errors.js';

/** One MB of memory or disk, in bytes: MB is decimal, MiB is 2^20 bytes. */
export const bytesPerMb = 1_000_000;

/** What a container gets of each resource that it does not name. */
export const defaultResources: Readonly<Record<string, string>> = { cpu: '1', memory: '512' };

/** The most ports that one container may publish. */
export const maxPorts = 256;

/** A container's needs, parsed: amounts for placement, and the container ports that get host ports. */
export interface ParsedResources {
  readonly resources: Resources;
  readonly ports: readonly number[];
}

/** All that is wrong with a container's resources. */
export interface ResourceViolations {
  readonly violations: readonly FieldViolation[];
}

/** A number with an optional unit, exact: `digits / 10^decimals`, counted in `unit`. */
interface Quantity {
  readonly digits: bigint;
  readonly decimals: number;
  readonly unit: string;
}

/** How one resource is written, and where its amount goes. */
interface AmountRule {
  readonly into: keyof Resources;
  /** Parts of the result's unit in each unit that may be written; '' is a number without a unit. */
  readonly units: ReadonlyMap<string, bigint>;
  /** Divides the product of number and unit; with it, amounts come out in the result's unit. */
  readonly divisor: bigint;
  readonly isZeroAllowed: boolean;
  /** The greatest amount accepted, in the result's unit, so that sums over a cell stay exact. */
  readonly max: number;
  readonly meaning: string;
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
const byteUnits = bitUnits(bitsPerMb, ['']);
const byteMeaning = 'a number of MB, or one with a unit such as 512MiB or 10GB (b is bits, B is bytes)';
const thousandths = new Map([['', 1000n]]);

const amountRules: Readonly<Record<string, AmountRule>> = {
  cpu: {
    into: 'cpuMillis',
    units: thousandths,
    divisor: 1n,
    isZeroAllowed: false,
    max: 1024_000,
    meaning: 'a number of cores, decimals allowed',
  },
  memory: {
    into: 'memoryMb',
    units: byteUnits,
    divisor: bitsPerMb,
    isZeroAllowed: false,
    max: 16_000_000,
    meaning: byteMeaning,
  },
  disk: {
    into: 'diskMb',
    units: byteUnits,
    divisor: bitsPerMb,
    isZeroAllowed: true,
    max: 1_000_000_000,
    meaning: byteMeaning,
  },
  network: {
    into: 'networkMbps',
    units: bitUnits(1_000_000n, ['', 'ps', '/s']),
    divisor: 1_000_000n,
    isZeroAllowed: true,
    max: 1_000_000,
    meaning: 'a number of Mbps, or one with a unit such as 10Gb (b is bits, B is bytes)',
  },
  gpu: {
    into: 'gpuMillis',
    units: thousandths,
    divisor: 1n,
    isZeroAllowed: true,
    max: 1024_000,
    meaning: 'a number of whole cards, or a share of one card such as 0.5',
  },
};

const knownNames = [...Object.keys(amountRules), 'ports', 'eni', 'allocateIP'];

/**
 * Parses `Container.resources`. Amounts that fall between two whole units are rounded up. `path` names the map in the
 * violations, such as `containers["main"].resources`; every violation is found, not only the first.
 */
export function parseResources(
  map: Readonly<Record<string, string>>,
  path = 'resources',
): ParsedResources | ResourceViolations {
  const violations: FieldViolation[] = [];
  const refuse = (name: string, description: string) =>
    violations.push({ field: `${path}.${name}`, description });
  const resources: Resources = zeroResources();
  let ports: readonly number[] = [];
  for (const [name, text] of Object.entries({ ...defaultResources, ...map })) {
    const rule = Object.hasOwn(amountRules, name) ? amountRules[name] : undefined;
    const parsed = rule === undefined ? parseOther(name, text) : parseAmount(rule, text);
    if (typeof parsed === 'string') refuse(name, parsed);
    else if (rule !== undefined && typeof parsed === 'number') resources[rule.into] = parsed;
    else if (Array.isArray(parsed)) ports = parsed;
  }
  if (violations.length > 0) return { violations };
  const eni = map.eni?.trim() === '1' ? 1 : 0;
  return { resources: { ...resources, ports: ports.length, eni }, ports };
}

/** The container's ports that get host ports, in the order in which they are given; none where they are not valid. */
export function containerPorts(container: Pick<Container, 'resources'>): readonly number[] {
  const ports = parsePorts(container.resources.ports ?? '');
  return typeof ports === 'string' ? [] : ports;
}

/** Whether the container asks for an address of its own: by `allocateIP`, or by a network interface (`eni`). */
export function wantsOwnAddress({ resources }: Pick<Container, 'resources'>): boolean {
  return resources.allocateIP?.trim() === 'true' || resources.eni?.trim() === '1';
}

/** Nothing of anything. */
export function zeroResources(): Resources {
  return { cpuMillis: 0, memoryMb: 0, diskMb: 0, networkMbps: 0, gpuMillis: 0, ports: 0, eni: 0 };
}

export function addResources(a: Resources, b: Resources): Resources {
  return {
    cpuMillis: a.cpuMillis + b.cpuMillis,
    memoryMb: a.memoryMb + b.memoryMb,
    diskMb: a.diskMb + b.diskMb,
    networkMbps: a.networkMbps + b.networkMbps,
    gpuMillis: a.gpuMillis + b.gpuMillis,
    ports: a.ports + b.ports,
    eni: a.eni + b.eni,
  };
}

/** Adds to a sum in place: for sums over many, of which only the last is of use. */
export function addTo(sum: Resources, resources: Resources): void {
  sum.cpuMillis += resources.cpuMillis;
  sum.memoryMb += resources.memoryMb;
  sum.diskMb += resources.diskMb;
  sum.networkMbps += resources.networkMbps;
  sum.gpuMillis += resources.gpuMillis;
  sum.ports += resources.ports;
  sum.eni += resources.eni;
}

/** `a` without `b`; negative where `b` is the greater. */
export function subtractResources(a: Resources, b: Resources): Resources {
  return {
    cpuMillis: a.cpuMillis - b.cpuMillis,
    memoryMb: a.memoryMb - b.memoryMb,
    diskMb: a.diskMb - b.diskMb,
    networkMbps: a.networkMbps - b.networkMbps,
    gpuMillis: a.gpuMillis - b.gpuMillis,
    ports: a.ports - b.ports,
    eni: a.eni - b.eni,
  };
}

/** Whether the request is at most what is free, in every resource. */
export function fits(request: Resources, free: Resources): boolean {
  return (
    request.cpuMillis <= free.cpuMillis &&
    request.memoryMb <= free.memoryMb &&
    request.diskMb <= free.diskMb &&
    request.networkMbps <= free.networkMbps &&
    request.gpuMillis <= free.gpuMillis &&
    request.ports <= free.ports &&
    request.eni <= free.eni
  );
}

/** The amount, or a sentence that says what is wrong with the text. */
function parseAmount(rule: AmountRule, text: string): number | string {
  const quantity = parseQuantity(text);
  const unit = quantity === undefined ? undefined : rule.units.get(quantity.unit);
  if (quantity === undefined || unit === undefined)
    return `is ${JSON.stringify(text)}, but must be ${rule.meaning}`;
  const divisor = rule.divisor * 10n ** BigInt(quantity.decimals);
  const amount = (quantity.digits * unit + divisor - 1n) / divisor;
  if (amount === 0n && !rule.isZeroAllowed) return 'must be greater than 0';
  if (amount > BigInt(rule.max)) return `is ${JSON.stringify(text)}, which is more than any agent can have`;
  const value = Number(amount);
  if (rule.into === 'gpuMillis' && value > 1000 && value % 1000 !== 0) return `must be ${rule.meaning}`;
  return value;
}

function parseQuantity(text: string): Quantity | undefined {
  const match = /^(\d{1,15})(?:\.(\d{1,9}))? ?([A-Za-z/]{0,6})$/.exec(text.trim());
  if (match === null) return undefined;
  const [, whole = '', fraction = '', unit = ''] = match;
  return { digits: BigInt(whole + fraction), decimals: fraction.length, unit };
}

/** Resources that are not amounts. The number 0 stands for a value that is valid and needs no place of its own. */
function parseOther(name: string, text: string): readonly number[] | string | 0 {
  switch (name) {
    case 'ports':
      return parsePorts(text);
    case 'eni':
      return /^[01]$/.test(text.trim())
        ? 0
        : `is ${JSON.stringify(text)}, but must be 0 or 1: a container has one network interface at most`;
    case 'allocateIP':
      return /^(true|false)$/.test(text.trim()) ? 0 : `is ${JSON.stringify(text)}, but must be true or false`;
    default:
      return `is not a known resource; known are ${knownNames.join(', ')}`;
  }
}

function parsePorts(text: string): readonly number[] | string {
  const items = text.split(',').map((item) => item.trim());
  if (items.length === 1 && items[0] === '') return [];
  const ports = items.map((item) => (/^\d{1,5}$/.test(item) ? Number(item) : 0));
  const bad = items.filter((_, index) => !isPort(ports[index] ?? 0));
  if (bad.length > 0)
    return `has ${bad.map((item) => JSON.stringify(item)).join(', ')}, but ports are from 1 to 65535`;
  if (new Set(ports).size < ports.length) return 'names a port twice';
  if (ports.length > maxPorts) return `has ${ports.length} ports, but at most ${maxPorts} are allowed`;
  return ports;
}

function isPort(port: number): boolean {
  return port >= 1 && port <= 65535;
}
