import type { Resources } from '@berth/shared/gen/berth/v1/store';
import { unitFactor } from '@berth/shared/model/expression/vocabulary';
import { kindOf, type Quantity, resourceFields } from '@berth/shared/model/resources/kinds';
import { zeroResources } from '@berth/shared/model/resources/vector';

export type Guarantees = ReadonlyMap<string, Resources>;

/** The resources that a guarantee may name, by the names that containers use. */
const guaranteed: ReadonlyMap<string, keyof Resources> = new Map(
  resourceFields
    .filter((field) => kindOf(field).written !== undefined)
    .map((field) => [kindOf(field).name, field]),
);

const guaranteedNames = [...guaranteed.keys()].join(', ');

/**
 * Reads the guarantees of capacity groups: a JSON object of groups. Each group is an object of amounts as
 * containers have them, such as `{"search": {"cpu": 200, "memory": "800GB"}}`. The result is a sentence about
 * every problem if there are any.
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
  if (!isObject(given) || Object.keys(given).length === 0) return `must be an object of ${guaranteedNames}`;
  const unknown = Object.keys(given).filter((name) => !guaranteed.has(name));
  if (unknown.length > 0) return `names ${unknown.join(', ')}, but known are ${guaranteedNames}`;
  const guarantee = zeroResources();
  for (const [name, value] of Object.entries(given)) {
    const field = guaranteed.get(name) ?? 'cpuMillis';
    const { quantity, perUnit } = kindOf(field);
    const amount = amountOf(String(value), quantity);
    if (amount === undefined) return `has ${name} ${JSON.stringify(value)}, which is no amount`;
    guarantee[field] = Math.ceil(amount * perUnit);
  }
  return guarantee;
}

/** The amount in units of the quantity; undefined if the text is none. */
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
