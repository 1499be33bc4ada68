import type { Resources } from '@berth/shared/gen/berth/v1/store';
import { type Quantity, unitFactor } from '@berth/shared/model/expression/vocabulary';
import { zeroResources } from '@berth/shared/model/resources/resources';

export type Guarantees = ReadonlyMap<string, Resources>;

/** Amounts that a guarantee may name: what they count, and how many of the resource's units one of them has. */
const amounts: Readonly<Record<string, readonly [keyof Resources, Quantity, number]>> = {
  cpu: ['cpuMillis', 'count', 1000],
  memory: ['memoryMb', 'size', 1],
  disk: ['diskMb', 'size', 1],
  network: ['networkMbps', 'rate', 1],
  gpu: ['gpuMillis', 'count', 1000],
};

/**
 * The guarantees of capacity groups: a JSON object of groups, each an object of amounts as containers have them, such as
 * `{"search": {"cpu": 200, "memory": "800GB"}}`; or a sentence that says all that is wrong with it.
 */
export function parseGuarantees(text: string): Guarantees | string {
  const json = parseObject(text);
  if (json === undefined) return 'must be a JSON object such as {"search": {"cpu": 200, "memory": "800GB"}}';
  const problems: string[] = [];
  const guarantees = new Map<string, Resources>();
  for (const [group, given] of Object.entries(json)) {
    const guarantee = parseGuarantee(given);
    if (typeof guarantee === 'string') problems.push(`${JSON.stringify(group)} ${guarantee}`);
    else guarantees.set(group, guarantee);
  }
  return problems.length > 0 ? problems.join('; ') : guarantees;
}

function parseGuarantee(given: unknown): Resources | string {
  if (!isObject(given) || Object.keys(given).length === 0)
    return `must be an object of ${Object.keys(amounts).join(', ')}`;
  const unknown = Object.keys(given).filter((name) => !Object.hasOwn(amounts, name));
  if (unknown.length > 0)
    return `names ${unknown.join(', ')}, but known are ${Object.keys(amounts).join(', ')}`;
  const guarantee = zeroResources();
  for (const [name, value] of Object.entries(given)) {
    const [resource, quantity, perUnit] = amounts[name] ?? ['cpuMillis', 'count', 1];
    const amount = amountOf(String(value), quantity);
    if (amount === undefined) return `has ${name} ${JSON.stringify(value)}, which is no amount`;
    guarantee[resource] = Math.ceil(amount * perUnit);
  }
  return guarantee;
}

/** In units of the quantity; undefined where it is no amount. */
function amountOf(text: string, quantity: Quantity): number | undefined {
  const [, number, unit = ''] = /^(\d{1,12}(?:\.\d{1,9})?) ?([A-Za-z/]{0,6})$/.exec(text.trim()) ?? [];
  const factor = unitFactor(quantity, unit);
  return number === undefined || factor === undefined ? undefined : Number(number) * factor;
}

function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const json: unknown = JSON.parse(text);
    return isObject(json) ? json : undefined;
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
