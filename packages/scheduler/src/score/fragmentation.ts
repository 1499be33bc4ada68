import type { Resources } from '@berth/shared/gen/berth/v1/store';
import { chooseGpus, millisPerGpu, takenPerGpu } from '@berth/shared/model/resources/gpus';
import type { AgentInfo } from '../agent/agent-info.js';
import type { EquivalenceClass } from '../equivalence/equivalence-class.js';
import { DemandProfile, type TypicalRequest } from './demand-profile.js';
import { fullestFirst } from './ordering.js';

/** Costs that differ by less than a millionth of a thousandth are equal. Then the fullest agent is taken. */
const exactness = 1e6;

/** The free capacity of an agent, as far as requests to come are concerned. */
interface UsableCapacity {
  readonly cpu: number;
  readonly memory: number;
  readonly gpus: readonly number[];
  readonly agent: AgentInfo;
}

/** The costs of one class, by the number of the agent. */
interface CostCache {
  readonly costs: number[];
  /** The version of the agent that each cost is of. */
  readonly versions: number[];
  /** The version of the demand profile that all costs are of. */
  profileVersion: number;
}

/**
 * Prefers the agent that loses the least GPU capacity for usual requests: the expected thousandths that
 * typical requests can use after the task, against those before it. Costs are kept until the agent or the
 * demand profile changes.
 */
export class FragmentationScorer {
  readonly ordering = fullestFirst;
  readonly profile = new DemandProfile();
  readonly #costs = new WeakMap<EquivalenceClass, CostCache>();
  /** The usable thousandths of an agent now, with the versions of agent and profile that they are of. */
  readonly #useful = new WeakMap<
    AgentInfo,
    { readonly version: number; readonly profile: number; readonly value: number }
  >();

  costFor(request: EquivalenceClass): (agent: AgentInfo) => number {
    this.profile.typical();
    const { costs, versions } = this.#cacheOf(request);
    return (agent) => {
      const known = costs[agent.number];
      if (known !== undefined && versions[agent.number] === agent.version) return known;
      const cost = Math.round(this.#lossOf(agent, request).loss * exactness);
      costs[agent.number] = cost;
      versions[agent.number] = agent.version;
      return cost;
    };
  }

  note(request: EquivalenceClass): void {
    this.profile.note(request.resources, request);
  }

  /** The gpus on that the task leaves the most of use to others. */
  gpusOn(agent: AgentInfo, request: EquivalenceClass): readonly number[] {
    return request.resources.gpuMillis > 0 ? this.#lossOf(agent, request).gpus : [];
  }

  #cacheOf(request: EquivalenceClass): CostCache {
    const { version } = this.profile;
    const known = this.#costs.get(request);
    if (known === undefined) {
      const cache = { costs: [], versions: [], profileVersion: version };
      this.#costs.set(request, cache);
      return cache;
    }
    if (known.profileVersion !== version) {
      known.profileVersion = version;
      known.versions.length = 0;
    }
    return known;
  }

  #lossOf(
    agent: AgentInfo,
    { resources }: EquivalenceClass,
  ): { readonly loss: number; readonly gpus: readonly number[] } {
    const { free, gpus: freeGpus } = agent;
    if (free.gpuMillis === 0) return { loss: 0, gpus: [] };
    const gpu = resources.gpuMillis;
    const each = takenPerGpu(gpu);
    const typical = this.profile.typical();
    const before = this.#usefulNow(agent);
    const left = {
      cpu: free.cpuMillis - resources.cpuMillis,
      memory: free.memoryMb - resources.memoryMb,
      agent,
      gpus: [...freeGpus],
    };
    let best = { loss: Number.POSITIVE_INFINITY, gpus: [] as readonly number[] };
    for (const gpus of choices(gpu, freeGpus)) {
      for (const index of gpus) left.gpus[index] = (freeGpus[index] ?? 0) - each;
      // The part that the task takes is used, so it is not lost.
      const loss = before - usefulIn(left, typical) - gpu;
      if (loss < best.loss) best = { loss, gpus };
      for (const index of gpus) left.gpus[index] = freeGpus[index] ?? 0;
    }
    return best;
  }

  /**
   * The usable thousandths before a task comes. All classes ask this of the same agents, so the result is
   * kept.
   */
  #usefulNow(agent: AgentInfo): number {
    const { profile } = this;
    const known = this.#useful.get(agent);
    if (known !== undefined && known.version === agent.version && known.profile === profile.version)
      return known.value;
    const { free, gpus, version } = agent;
    const capacity = { cpu: free.cpuMillis, memory: free.memoryMb, gpus, agent };
    const value = usefulIn(capacity, profile.typical());
    this.#useful.set(agent, { version, profile: profile.version, value });
    return value;
  }
}

/** The choices of gpus that differ: gpus with the same free share are alike. */
function choices(gpuMillis: number, free: readonly number[]): readonly (readonly number[])[] {
  if (gpuMillis === 0 || gpuMillis >= millisPerGpu) {
    const gpus = chooseGpus(gpuMillis, free);
    return gpus === undefined ? [] : [gpus];
  }
  const seen = new Set<number>();
  const different: number[][] = [];
  for (let gpu = 0; gpu < free.length; gpu += 1) {
    const left = free[gpu] ?? 0;
    if (left < gpuMillis || seen.has(left)) continue;
    seen.add(left);
    different.push([gpu]);
  }
  return different;
}

/** The free thousandths that a typical request can use, as expected over the profile. */
function usefulIn(capacity: UsableCapacity, typical: readonly TypicalRequest[]): number {
  const { cpu, memory, gpus, agent } = capacity;
  let largest = 0;
  let whole = 0;
  for (const free of gpus) {
    if (free > largest) largest = free;
    if (free === millisPerGpu) whole += millisPerGpu;
  }
  let expected = 0;
  for (const { resources, share, mayUse } of typical) {
    const { gpuMillis, cpuMillis, memoryMb } = resources;
    if (gpuMillis === 0 || cpuMillis > cpu || memoryMb > memory) continue;
    const isShare = gpuMillis < millisPerGpu;
    if (gpuMillis > (isShare ? largest : whole) || !mayUse(agent)) continue;
    expected += share * usableBy(resources, isShare ? freeAbove(gpuMillis, gpus) : whole, capacity);
  }
  return expected;
}

/** The free thousandths on gpus that have at least so much left. */
function freeAbove(least: number, gpus: readonly number[]): number {
  let sum = 0;
  for (const free of gpus) if (free >= least) sum += free;
  return sum;
}

/**
 * The part of the gpus that counts as useful to such requests. The next request can use all of `toNext`. If
 * only such requests came, cpu or memory might run out before the gpus do. Other requests come, too, so the
 * truth lies between both: their geometric mean.
 */
function usableBy(
  { gpuMillis, cpuMillis, memoryMb }: Resources,
  toNext: number,
  { cpu, memory }: UsableCapacity,
): number {
  let toAll = toNext;
  if (cpu * gpuMillis < toAll * cpuMillis) toAll = (cpu * gpuMillis) / cpuMillis;
  if (memory * gpuMillis < toAll * memoryMb) toAll = (memory * gpuMillis) / memoryMb;
  return toAll === toNext ? toNext : Math.sqrt(toNext * toAll);
}
