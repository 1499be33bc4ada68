import type { Resources } from '../../gen/berth/v1/store.js';
import type { Container } from '../../gen/netflix/titus/titus_job_api.js';
import type { FieldViolation } from '../errors/errors.js';
import { type Least, parseAmount, type WrittenAmount } from './amounts.js';
import { kindOf, resourceFields } from './kinds.js';
import { type PublishedPort, parsePorts } from './ports.js';
import { zeroResources } from './vector.js';

/** The amounts of a container that does not name these resources. */
export const defaultResources: Readonly<Record<string, string>> = { cpu: '1', memory: '512' };

/** The parsed needs of a container: amounts for placement, and the container ports that get host ports. */
interface ParsedResources {
  readonly resources: Resources;
  readonly ports: readonly PublishedPort[];
}

/** Every problem of a container's resources. */
interface ResourceViolations {
  readonly violations: readonly FieldViolation[];
}

/** The kinds that containers write as amounts, by their names there. */
const writtenKinds: ReadonlyMap<string, WrittenKind> = new Map(
  resourceFields.flatMap((field): [string, WrittenKind][] => {
    const { name, written } = kindOf(field);
    return written === undefined ? [] : [[name, { field, written }]];
  }),
);

interface WrittenKind {
  readonly field: keyof Resources;
  readonly written: WrittenAmount;
}

const knownNames = [...writtenKinds.keys(), 'ports', 'eni', 'allocateIP'];

/**
 * Parses `Container.resources`. Amounts between two whole units are rounded up. `path` names the map in the
 * violations, such as `containers["main"].resources`. The result has every violation, not only the first.
 */
export function parseResources(
  map: Readonly<Record<string, string>>,
  path = 'resources',
): ParsedResources | ResourceViolations {
  const violations: FieldViolation[] = [];
  const refuse = (name: string, description: string) =>
    violations.push({ field: `${path}.${name}`, description });
  const resources: Resources = zeroResources();
  let ports: readonly PublishedPort[] = [];
  for (const [name, text] of Object.entries({ ...defaultResources, ...map })) {
    const kind = writtenKinds.get(name);
    const parsed = kind === undefined ? parseOther(name, text) : parseAmount(kind.written, text);
    if (typeof parsed === 'string') refuse(name, parsed);
    else if (kind !== undefined && typeof parsed === 'number') resources[kind.field] = parsed;
    else if (Array.isArray(parsed)) ports = parsed;
  }
  if (violations.length > 0) return { violations };
  const eni = map.eni?.trim() === '1' ? 1 : 0;
  return { resources: { ...resources, ports: ports.length, eni }, ports };
}

/**
 * Returns every fault in the resources that a caller submits, by name. Some parse, yet no engine gives them.
 * Records that are stored already keep such amounts.
 */
export function resourceProblems(map: Readonly<Record<string, string>>): readonly FieldViolation[] {
  return Object.entries(map).flatMap(([name, text]) => {
    const written = writtenKinds.get(name)?.written;
    const parsed = written === undefined ? parseOther(name, text) : parseAmount(written, text);
    const description = typeof parsed === 'string' ? parsed : tooLittle(written?.least, parsed, text);
    return description === undefined ? [] : [{ field: name, description }];
  });
}

function tooLittle(least: Least | undefined, amount: unknown, text: string): string | undefined {
  if (least === undefined || typeof amount !== 'number' || amount >= least.amount) return undefined;
  return `is ${JSON.stringify(text)}, but a container needs at least ${least.text}`;
}

/** The container's ports that get host ports, in their given order; none if they are not valid. */
export function containerPorts(container: Pick<Container, 'resources'>): readonly PublishedPort[] {
  const ports = parsePorts(container.resources.ports ?? '');
  return typeof ports === 'string' ? [] : ports;
}

/** True if the container asks for its own address: by `allocateIP`, or by a network interface (`eni`). */
export function wantsOwnAddress({ resources }: Pick<Container, 'resources'>): boolean {
  return resources.allocateIP?.trim() === 'true' || resources.eni?.trim() === '1';
}

/** Parses resources that are not amounts. The number 0 stands for a valid value that is stored nowhere. */
function parseOther(name: string, text: string): readonly PublishedPort[] | string | 0 {
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
