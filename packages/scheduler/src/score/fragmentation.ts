import type { Resources } from '@berth/shared/gen/berth/v1/store';
import { chooseGpus, millisPerGpu, takenPerGpu } from '@berth/shared/model/resources/gpus';
import type { RequestClass } from '../equivalence/equivalence-class.js';
import type { Fleet } from '../index/block-index.js';
import type { AgentSlot } from '../index/indexed-agent.js';
import type { RequestMix, TypicalRequest } from './demand-profile.js';

/** Sums that differ by less than a millionth of a thousandth are equal; then the fullest agent is taken. */
const exactness = 1e6;

/** What is free on an agent, as far as requests to come are concerned. */
interface Room {
  readonly cpu: number;
  readonly memory: number;
  readonly cards: readonly number[];
  readonly slot: AgentSlot;
}

/**
 * How much more of an agent's cards becomes useless when a task of the class takes its room there: the expected
 * thousandths that typical requests could not use, after less before. Remembered until the agent, or the mix of requests,
 * changes.
 */
export function uselessRoom(fleet: Fleet, request: RequestClass): (slot: AgentSlot) => number {
  fleet.mix.typical();
  if (request.scoredMix !== fleet.mix.version) {
    request.scoredMix = fleet.mix.version;
    request.scoredVersions.length = 0;
  }
  return (slot) => {
    const known = request.scores[slot.index];
    if (known !== undefined && request.scoredVersions[slot.index] === slot.version) return known;
    const score = Math.round(lossOf(slot, request, fleet.mix).loss * exactness);
    request.scores[slot.index] = score;
    request.scoredVersions[slot.index] = slot.version;
    return score;
  };
}

/** The cards on which the task leaves the most of use to others. */
export function cardsLeavingMost(fleet: Fleet, request: RequestClass, slot: AgentSlot): readonly number[] {
  return lossOf(slot, request, fleet.mix).cards;
}

function lossOf(
  slot: AgentSlot,
  { resources }: RequestClass,
  mix: RequestMix,
): { readonly loss: number; readonly cards: readonly number[] } {
  if (slot.gpu === 0) return { loss: 0, cards: [] };
  const { cpu, memory, cards: free } = slot;
  const gpu = resources.gpuMillis;
  const each = takenPerGpu(gpu);
  const typical = mix.typical();
  const before = usefulNow(slot, mix);
  const left = {
    cpu: cpu - resources.cpuMillis,
    memory: memory - resources.memoryMb,
    slot,
    cards: [...free],
  };
  let best = { loss: Number.POSITIVE_INFINITY, cards: [] as readonly number[] };
  for (const cards of choices(gpu, free)) {
    for (const card of cards) left.cards[card] = (free[card] ?? 0) - each;
    // What the task takes is in use, and so is not useless.
    const loss = before - usefulIn(left, typical) - gpu;
    if (loss < best.loss) best = { loss, cards };
    for (const card of cards) left.cards[card] = free[card] ?? 0;
  }
  return best;
}

/** Remembered, since all classes ask it of the same agents. */
function usefulNow(slot: AgentSlot, mix: RequestMix): number {
  const known = mix.useful.get(slot);
  if (known !== undefined && known.version === slot.version && known.mix === mix.version) return known.value;
  const { cpu, memory, cards, version } = slot;
  const value = usefulIn({ cpu, memory, cards, slot }, mix.typical());
  mix.useful.set(slot, { version, mix: mix.version, value });
  return value;
}

/** The choices of cards that differ: cards with the same free share are alike. */
function choices(gpu: number, free: readonly number[]): readonly (readonly number[])[] {
  if (gpu === 0 || gpu >= millisPerGpu) {
    const cards = chooseGpus(gpu, free);
    return cards === undefined ? [] : [cards];
  }
  const seen = new Set<number>();
  const different: number[][] = [];
  for (let card = 0; card < free.length; card += 1) {
    const room = free[card] ?? 0;
    if (room < gpu || seen.has(room)) continue;
    seen.add(room);
    different.push([card]);
  }
  return different;
}

/** The free thousandths that a typical request could use, as expected over the mix. */
function usefulIn(room: Room, typical: readonly TypicalRequest[]): number {
  const { cpu, memory, cards, slot } = room;
  let largest = 0;
  let whole = 0;
  for (const free of cards) {
    if (free > largest) largest = free;
    if (free === millisPerGpu) whole += millisPerGpu;
  }
  let expected = 0;
  for (const { resources, share, mayUse } of typical) {
    const { gpuMillis, cpuMillis, memoryMb } = resources;
    if (gpuMillis === 0 || cpuMillis > cpu || memoryMb > memory) continue;
    const isShare = gpuMillis < millisPerGpu;
    if (gpuMillis > (isShare ? largest : whole) || !mayUse(slot)) continue;
    expected += share * fed(isShare ? freeAbove(gpuMillis, cards) : whole, resources, room);
  }
  return expected;
}

/** The free thousandths on cards that have at least so much left. */
function freeAbove(least: number, cards: readonly number[]): number {
  let sum = 0;
  for (const free of cards) if (free >= least) sum += free;
  return sum;
}

/**
 * What of the cards counts as useful to such requests. The next one finds them all of use. If only such requests came, cpu
 * or memory might end before these cards do. Other requests come too, so the truth is between the two: their geometric mean.
 */
function fed(toNext: number, { gpuMillis, cpuMillis, memoryMb }: Resources, { cpu, memory }: Room): number {
  let toAll = toNext;
  if (cpu * gpuMillis < toAll * cpuMillis) toAll = (cpu * gpuMillis) / cpuMillis;
  if (memory * gpuMillis < toAll * memoryMb) toAll = (memory * gpuMillis) / memoryMb;
  return toAll === toNext ? toNext : Math.sqrt(toNext * toAll);
}
