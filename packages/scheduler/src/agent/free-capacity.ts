import type { Resources } from '@berth/shared/gen/berth/v1/store';
import type { ConditionName } from '@berth/shared/model/expression/vocabulary';
import { chooseGpus, freshGpus, takenPerGpu } from '@berth/shared/model/resources/gpus';
import type { RequestClass } from '../equivalence/equivalence-class.js';
import type { AgentSlot, Booking } from '../index/indexed-agent.js';

/** What an agent has to spare once some of its tasks have ended. */
export interface Room {
  readonly free: Resources;
  readonly cards: readonly number[];
  /** Tasks that are still there, and those of them that keep everybody off. */
  readonly tenants: number;
  readonly exclusive: number;
}

/** Whether what is true of an agent for the class can change though nothing changes on the agent. */
export function looksElsewhere({ spec }: RequestClass): boolean {
  return spec.conditions.has('zoneBalance') || spec.looksElsewhere;
}

/** Whether a task of the class could come there if others made room: what stops it otherwise is no matter of room. */
export function mayComeTo(slot: AgentSlot, request: RequestClass): boolean {
  const isBalanced = !request.spec.conditions.has('zoneBalance') || request.holds('zoneBalance', slot);
  return isBalanced && mightComeTo(slot, request);
}

/** The same, as far as it changes with the agent only. */
export function mightComeTo(slot: AgentSlot, request: RequestClass): boolean {
  return (
    !slot.isDraining &&
    !request.refusedBy?.has(slot.id) &&
    slot.couldFit(request.resources) &&
    request.isAllowed(slot) &&
    (!request.spec.conditions.has('uniqueHost') || request.holds('uniqueHost', slot))
  );
}

/** Whether a task of the class can come into the room. */
export function isRoomFor(
  request: RequestClass,
  slot: AgentSlot,
  { free, cards, tenants, exclusive }: Room,
): boolean {
  const { resources, spec } = request;
  const isEnough =
    resources.cpuMillis <= free.cpuMillis &&
    resources.memoryMb <= free.memoryMb &&
    resources.diskMb <= free.diskMb &&
    resources.networkMbps <= free.networkMbps &&
    resources.ports <= free.ports &&
    resources.eni <= free.eni &&
    (resources.gpuMillis === 0 || chooseGpus(resources.gpuMillis, cards) !== undefined);
  if (!isEnough || exclusive > 0) return false;
  if (spec.conditions.has('exclusiveHost') && tenants > 0) return false;
  if (spec.changingRules.length === 0) return true;
  const { id, attributes, total } = slot;
  const facts = {
    id,
    attributes,
    total,
    free,
    holds: (condition: ConditionName) =>
      condition === 'exclusiveHost' ? tenants === 0 : request.holds(condition, slot),
  };
  return spec.changingRules.every((rule) => rule.holds(facts));
}

/** What the agent has to spare once those of its tasks that leave have left, and all others are there. */
export function roomBeside({ total, bookings }: AgentSlot, isLeaving: (booking: Booking) => boolean): Room {
  const free = { ...total };
  const cards = freshGpus(total.gpuMillis);
  let tenants = 0;
  let exclusive = 0;
  for (const booking of bookings.values()) {
    if (isLeaving(booking)) continue;
    const { resources, isExclusive } = booking;
    tenants += 1;
    if (isExclusive) exclusive += 1;
    free.cpuMillis -= resources.cpuMillis;
    free.memoryMb -= resources.memoryMb;
    free.diskMb -= resources.diskMb;
    free.networkMbps -= resources.networkMbps;
    free.ports -= resources.ports;
    free.eni -= resources.eni;
    if (resources.gpuMillis === 0) continue;
    const each = takenPerGpu(resources.gpuMillis);
    for (const card of booking.cards) if (cards[card] !== undefined) cards[card] -= each;
  }
  free.gpuMillis = cards.reduce((sum, left) => sum + left, 0);
  return { free, cards, tenants, exclusive };
}

/** The room once these tasks have ended, too. */
export function roomWithout(room: Room, ended: readonly Booking[]): Room {
  const free = { ...room.free };
  let { cards, tenants, exclusive } = room;
  for (const { resources, isExclusive, cards: held } of ended) {
    tenants -= 1;
    if (isExclusive) exclusive -= 1;
    free.cpuMillis += resources.cpuMillis;
    free.memoryMb += resources.memoryMb;
    free.diskMb += resources.diskMb;
    free.networkMbps += resources.networkMbps;
    free.ports += resources.ports;
    free.eni += resources.eni;
    if (resources.gpuMillis === 0) continue;
    const each = takenPerGpu(resources.gpuMillis);
    free.gpuMillis += each * held.length;
    cards = cards.map((left, card) => (held.includes(card) ? left + each : left));
  }
  return { free, cards, tenants, exclusive };
}

/** How much of the agent the task holds. */
export function weightOf({ resources }: Booking, { total }: AgentSlot): number {
  return (
    resources.cpuMillis / (total.cpuMillis || 1) +
    resources.memoryMb / (total.memoryMb || 1) +
    resources.gpuMillis / (total.gpuMillis || 1)
  );
}
