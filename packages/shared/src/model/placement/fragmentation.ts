import type { AgentSlot } from './agent-slot.js';
import { chooseCards, millisPerCard, takenPerCard } from './cards.js';
import type { Fleet } from './fleet.js';
import type { RequestClass } from './request-class.js';
import type { TypicalRequest } from './request-mix.js';

/**
 * A twelfth of a card, in thousandths: agents whose losses differ by less are alike, and the fullest of them is taken. The
 * value comes from trials on one public trace; exact sums, and steps of twice this size, allocated less there.
 */
const worthwhile = 1000 / 12;

/** What is free on an agent, as far as requests to come are concerned. */
interface Room {
  readonly cpu: number;
  readonly memory: number;
  readonly cards: readonly number[];
}

/**
 * How much more of an agent's cards becomes useless when a task of the class takes its room there: the expected
 * thousandths that a typical request could not use, after less before, in twelfths of a card. Remembered until the agent, or the mix of
 * requests, changes.
 */
export function uselessRoom(fleet: Fleet, request: RequestClass): (slot: AgentSlot) => number {
  const typical = fleet.mix.typical();
  if (request.scoredMix !== fleet.mix.version) {
    request.scoredMix = fleet.mix.version;
    request.scoredVersions.length = 0;
  }
  return (slot) => {
    const known = request.scores[slot.index];
    if (known !== undefined && request.scoredVersions[slot.index] === slot.version) return known;
    const score = Math.round(lossOf(slot, request, typical).loss / worthwhile);
    request.scores[slot.index] = score;
    request.scoredVersions[slot.index] = slot.version;
    return score;
  };
}

/** The cards on which the task leaves the most of use to others. */
export function cardsLeavingMost(fleet: Fleet, request: RequestClass, slot: AgentSlot): readonly number[] {
  return lossOf(slot, request, fleet.mix.typical()).cards;
}

function lossOf(
  slot: AgentSlot,
  { resources }: RequestClass,
  typical: readonly TypicalRequest[],
): { readonly loss: number; readonly cards: readonly number[] } {
  const before = uselessIn(slot, typical);
  const gpu = resources.gpuMillis;
  const [cpu, memory] = [slot.cpu - resources.cpuMillis, slot.memory - resources.memoryMb];
  let best = { loss: Number.POSITIVE_INFINITY, cards: [] as readonly number[] };
  for (const cards of choices(gpu, slot.cards)) {
    const left = slot.cards.map((free, card) => (cards.includes(card) ? free - takenPerCard(gpu) : free));
    const loss = uselessIn({ cpu, memory, cards: left }, typical) - before;
    if (loss < best.loss) best = { loss, cards };
  }
  return best;
}

/** The choices of cards that differ: cards with the same free share are alike. */
function choices(gpu: number, free: readonly number[]): readonly (readonly number[])[] {
  if (gpu === 0 || gpu >= millisPerCard) {
    const cards = chooseCards(gpu, free);
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

function uselessIn({ cpu, memory, cards }: Room, typical: readonly TypicalRequest[]): number {
  if (cards.length === 0) return 0;
  let all = 0;
  let largest = 0;
  let whole = 0;
  for (const free of cards) {
    all += free;
    if (free > largest) largest = free;
    if (free === millisPerCard) whole += 1;
  }
  let expected = 0;
  for (const { resources, share } of typical) {
    const { gpuMillis } = resources;
    const fitsRest = gpuMillis > 0 && resources.cpuMillis <= cpu && resources.memoryMb <= memory;
    const fitsCards = gpuMillis < millisPerCard ? gpuMillis <= largest : gpuMillis <= whole * millisPerCard;
    expected += share * (fitsRest && fitsCards ? tooSmall(gpuMillis, cards) : all);
  }
  return expected;
}

/** The free thousandths on cards that have too little for what the request wants of each. */
function tooSmall(gpuMillis: number, cards: readonly number[]): number {
  const each = takenPerCard(gpuMillis);
  let sum = 0;
  for (const free of cards) if (free < each) sum += free;
  return sum;
}
