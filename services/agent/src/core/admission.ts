import type { Assignment, Resources } from '@berth/shared/gen/berth/v1/store';
import { gpusKey, millisPerCard, parseCards, takenPerCard } from '@berth/shared/model/resources/gpus';
import { addTo, zeroResources } from '@berth/shared/model/resources/resources';

/** What people call a resource, and how its amounts are written. */
const words: readonly (readonly [keyof Resources, string, (amount: number) => string])[] = [
  ['cpuMillis', 'cpu', (amount) => String(amount / 1000)],
  ['memoryMb', 'memory', (amount) => `${amount} MB`],
  ['diskMb', 'disk', (amount) => `${amount} MB`],
  ['networkMbps', 'network', (amount) => `${amount} Mbps`],
  ['ports', 'ports', String],
  ['eni', 'network interfaces', String],
];

/** What an agent's tasks have taken of it. */
export class Taken {
  readonly sum = zeroResources();
  /** Of tasks that have cards. */
  readonly onCards: Assignment[] = [];

  add(assignment: Assignment): void {
    const { resources } = assignment;
    if (resources === undefined) return;
    addTo(this.sum, resources);
    if (resources.gpuMillis > 0) this.onCards.push(assignment);
  }
}

/**
 * Why the agent cannot take a task beside what is taken, by its own capacity; undefined where it can. All that is lacking is
 * named.
 */
export function lackFor(asked: Assignment, taken: Taken, capacity: Resources): string | undefined {
  const needs = asked.resources ?? zeroResources();
  const lacks: string[] = [];
  for (const [resource, name, text] of words) {
    const free = Math.max(0, capacity[resource] - taken.sum[resource]);
    if (needs[resource] > free)
      lacks.push(`${name} (${text(needs[resource])} asked for, ${text(free)} free)`);
  }
  lacks.push(...cardLacks(asked, taken.onCards, capacity));
  return lacks.length === 0 ? undefined : `the agent lacks ${lacks.join(', ')}`;
}

function cardLacks(
  asked: Assignment,
  onCards: readonly Assignment[],
  { gpuMillis }: Resources,
): readonly string[] {
  const needs = takenPerCard(asked.resources?.gpuMillis ?? 0);
  if (needs === 0) return [];
  const cards = Math.floor(gpuMillis / millisPerCard);
  return cardsOf(asked).flatMap((card) => {
    if (card >= cards) return [`card ${card} (there are ${cards})`];
    const held = onCards
      .filter((other) => cardsOf(other).includes(card))
      .reduce((sum, { resources }) => sum + takenPerCard(resources?.gpuMillis ?? 0), 0);
    return held + needs > millisPerCard ? [`room on card ${card}`] : [];
  });
}

function cardsOf({ taskContext }: Assignment): readonly number[] {
  return parseCards(taskContext[gpusKey]);
}
