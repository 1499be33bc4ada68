/**
 * Other lists of pods, drawn from those of the trace: a result for one mix of requests has to hold for
 * others.
 */
import { type Pod, randomFrom, shuffled } from './trace.js';

export interface Variant {
  readonly name: string;
  readonly pods: readonly Pod[];
}

/** The kinds of pods, and the share of each in a list. */
interface Blend {
  readonly cpu: number;
  readonly share: number;
  readonly one: number;
  readonly several: number;
}

const blends: Readonly<Record<string, Blend>> = {
  'many shares of cards': { cpu: 0.13, share: 0.7, one: 0.15, several: 0.02 },
  'many of several cards': { cpu: 0.13, share: 0.25, one: 0.3, several: 0.32 },
  'many without cards': { cpu: 0.3, share: 0.3, one: 0.38, several: 0.02 },
};

/** Lists as long as the trace's own; the same for the same pods. */
export function variantsOf(pods: readonly Pod[]): readonly Variant[] {
  const random = randomFrom(1);
  const blended = Object.entries(blends).map(([name, blend]) => ({
    name,
    pods: blendOf(pods, blend, random),
  }));
  return [...blended, { name: 'popularity dealt anew', pods: dealtAnew(pods, random) }];
}

function blendOf(pods: readonly Pod[], blend: Blend, random: () => number): readonly Pod[] {
  const kinds = grouped(pods, ({ task }) => kindOf(task.resources.gpuMillis));
  return Object.entries(blend).flatMap(([kind, share]) => {
    const some = kinds.get(kind as keyof Blend) ?? [];
    return Array.from({ length: Math.round(share * pods.length) }, () => pick(some, random)).flat();
  });
}

function pick(pods: readonly Pod[], random: () => number): readonly Pod[] {
  const pod = pods[Math.floor(random() * pods.length)];
  return pod === undefined ? [] : [pod];
}

function kindOf(gpuMillis: number): keyof Blend {
  if (gpuMillis === 0) return 'cpu';
  if (gpuMillis < 1000) return 'share';
  return gpuMillis === 1000 ? 'one' : 'several';
}

/** Each shape of request is as popular as another one was. */
function dealtAnew(pods: readonly Pod[], random: () => number): readonly Pod[] {
  const shapes = grouped(pods, ({ task }) => JSON.stringify(task.resources));
  const counts = shuffled(
    [...shapes.values()].map(({ length }) => length),
    random,
  );
  return [...shapes.values()].flatMap(([pod], index) =>
    pod === undefined ? [] : new Array<Pod>(counts[index] ?? 0).fill(pod),
  );
}

function grouped<K>(pods: readonly Pod[], keyOf: (pod: Pod) => K): Map<K, Pod[]> {
  const groups = new Map<K, Pod[]>();
  for (const pod of pods) {
    const key = keyOf(pod);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [pod]);
    else group.push(pod);
  }
  return groups;
}
