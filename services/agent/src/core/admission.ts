import type { Assignment, Resources } from '@berth/shared/gen/berth/v1/store';
import { gpusKey, millisPerCard, parseCards, takenPerCard } from '@berth/shared/model/resources/gpus';
import { addTo, zeroResources } from '@berth/shared/model/resources/resources';

/** The names of resources for people, and the format of their amounts. */
const resourceNames: readonly (readonly [keyof Resources, string, (amount: number) => string])[] = [
  ['cpuMillis', 'cpu', (amount) => String(amount / 1000)],
  ['memoryMb', 'memory', (amount) => `${amount} MB`],
  ['diskMb', 'disk', (amount) => `${amount} MB`],
  ['networkMbps', 'network', (amount) => `${amount} Mbps`],
  ['ports', 'ports', String],
  ['eni', 'network interfaces', String],
];

/** The resources that an agent's tasks use. */
export class UsedCapacity {
  readonly sum = zeroResources();
  /** The tasks that have GPUs. */
  readonly withGpus: Assignment[] = [];

  add(assignment: Assignment): void {
    const { resources } = assignment;
    if (resources === undefined) return;
    addTo(this.sum, resources);
    if (resources.gpuMillis > 0) this.withGpus.push(assignment);
  }
}

/**
 * Says why the agent has too little capacity for the task. Undefined if the capacity is enough. The text
 * names every resource that is short.
 */
export function shortfallOf(asked: Assignment, used: UsedCapacity, capacity: Resources): string | undefined {
  const needs = asked.resources ?? zeroResources();
  const shortfalls: string[] = [];
  for (const [resource, name, text] of resourceNames) {
    const free = Math.max(0, capacity[resource] - used.sum[resource]);
    if (needs[resource] > free)
      shortfalls.push(`${name} (${text(needs[resource])} asked for, ${text(free)} free)`);
  }
  shortfalls.push(...gpuShortfalls(asked, used.withGpus, capacity));
  return shortfalls.length === 0 ? undefined : `the agent lacks ${shortfalls.join(', ')}`;
}

function gpuShortfalls(
  asked: Assignment,
  withGpus: readonly Assignment[],
  { gpuMillis }: Resources,
): readonly string[] {
  const needs = takenPerCard(asked.resources?.gpuMillis ?? 0);
  if (needs === 0) return [];
  const gpuCount = Math.floor(gpuMillis / millisPerCard);
  return gpusOf(asked).flatMap((gpu) => {
    if (gpu >= gpuCount) return [`GPU ${gpu} (there are ${gpuCount})`];
    const held = withGpus
      .filter((other) => gpusOf(other).includes(gpu))
      .reduce((sum, { resources }) => sum + takenPerCard(resources?.gpuMillis ?? 0), 0);
    return held + needs > millisPerCard ? [`capacity on GPU ${gpu}`] : [];
  });
}

function gpusOf({ taskContext }: Assignment): readonly number[] {
  return parseCards(taskContext[gpusKey]);
}
