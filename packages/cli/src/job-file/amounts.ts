import { resourceProblems } from '@berth/shared/model/resources/resources';
import { PlainScalar, toText, toValue } from './scalar.js';

const amounts = ['cpu', 'memory', 'disk', 'network', 'gpu'] as const;

/**
 * Returns the faults in the amounts of a short form that is wrong elsewhere. A form that is right reaches the
 * gateway, which finds them.
 */
export function amountProblems(fields: object): readonly string[] {
  const stages = 'stages' in fields && Array.isArray(fields.stages) ? (fields.stages as unknown[]) : [];
  return [
    ...problemsIn(fields, ''),
    ...stages.flatMap((stage, index) => problemsIn(toValue(stage), `stages[${index}].`)),
  ];
}

function problemsIn(container: unknown, path: string): readonly string[] {
  if (typeof container !== 'object' || container === null || container instanceof PlainScalar) return [];
  const given = new Map(Object.entries(container));
  return amounts.flatMap((name) => {
    const amount = toText(given.get(name));
    if (typeof amount !== 'string') return [];
    return resourceProblems({ [name]: amount }).map(({ description }) => `${path}${name}: ${description}`);
  });
}
