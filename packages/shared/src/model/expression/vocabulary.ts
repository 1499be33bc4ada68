import type { Resources } from '../../gen/berth/v1/store.js';
import { kindOf, type Quantity, resourceFields } from '../resources/kinds.js';

/** The constraints that may stand in an expression as conditions. */
export const conditionNames = ['uniqueHost', 'exclusiveHost', 'zoneBalance'] as const;

export type ConditionName = (typeof conditionNames)[number];

/** A number that an expression may ask for. */
export interface NumberFact {
  readonly resource: keyof Resources;
  readonly of: 'total' | 'free';
  readonly quantity: Quantity;
  /** How many of the resource's units one unit of the fact has. */
  readonly perUnit: number;
}

/** `agent.cpu` is the agent's total, `free.cpu` its free part. */
export const numberFacts: ReadonlyMap<string, NumberFact> = new Map(
  resourceFields.flatMap((resource): [string, NumberFact][] => {
    const { fact, quantity, perUnit } = kindOf(resource);
    return [
      [`agent.${fact}`, { resource, of: 'total', quantity, perUnit }],
      [`free.${fact}`, { resource, of: 'free', quantity, perUnit }],
    ];
  }),
);

/** The type of an attribute's values on all agents: `number` if all of them are numbers. */
type AttributeType = 'string' | 'number';

/** The attributes that an expression may name, with their types. */
export type KnownAttributes = ReadonlyMap<string, AttributeType>;

/** Attributes that every agent has. */
export const standardAttributes = [
  'region',
  'zone',
  'host',
  'instance',
  'serverGroup',
  'machineType',
] as const;

/** The attributes of all agents: the standard ones, and any others that agents have. */
export function knownAttributes(fleet: Iterable<Readonly<Record<string, string>>>): KnownAttributes {
  const known = new Map<string, AttributeType>();
  for (const attributes of fleet) {
    for (const [name, value] of Object.entries(attributes)) {
      const type = isNumeric(value) && known.get(name) !== 'string' ? 'number' : 'string';
      known.set(name, type);
    }
  }
  for (const name of standardAttributes) known.set(name, 'string');
  return known;
}

/** The meaning of a name in an expression. */
type Meaning =
  | { readonly kind: 'condition'; readonly name: ConditionName }
  | { readonly kind: 'fact'; readonly fact: NumberFact }
  | { readonly kind: 'id' }
  | { readonly kind: 'attribute'; readonly name: string };

/** Attributes may be written with or without `agent.` before them. */
export function meaningOf(name: string): Meaning {
  const condition = conditionNames.find((known) => known === name);
  if (condition !== undefined) return { kind: 'condition', name: condition };
  const fact = numberFacts.get(name);
  if (fact !== undefined) return { kind: 'fact', fact };
  if (name === 'agent.id') return { kind: 'id' };
  return { kind: 'attribute', name: name.startsWith('agent.') ? name.slice('agent.'.length) : name };
}

const prefixes: Readonly<Record<string, number>> = {
  '': 1,
  k: 1e3,
  K: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 1024,
  Mi: 1024 ** 2,
  Gi: 1024 ** 3,
  Ti: 1024 ** 4,
};

/**
 * MB or Mbps in one such unit, as in 4GiB or 10Gbps; `b` is bits, `B` is bytes. Undefined if it is no such
 * unit.
 */
export function unitFactor(quantity: Quantity, unit: string): number | undefined {
  if (unit === '') return 1;
  if (quantity === 'count') return undefined;
  const match = /^([kKMGT]i?)?([bB])(ps|\/s)?$/.exec(unit);
  const prefix = match === null ? undefined : prefixes[match[1] ?? ''];
  if (match === null || prefix === undefined || (quantity === 'size' && match[3] !== undefined))
    return undefined;
  const bits = prefix * (match[2] === 'B' ? 8 : 1);
  return quantity === 'size' ? bits / 8e6 : bits / 1e6;
}

/** True if the text is a decimal number. */
export function isNumeric(text: string): boolean {
  return /^-?\d+(\.\d+)?$/.test(text);
}
