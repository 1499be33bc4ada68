import type { FitPolicy } from '@berth/shared/model/job/placement-preferences';
import type { RequestClass } from '../equivalence/equivalence-class.js';
import type { Wish } from '../filters/compile-spec.js';
import { emptiestFirst, type Fleet, fullestFirst, gone } from '../index/block-index.js';
import type { AgentSlot } from '../index/indexed-agent.js';
import type { AgentOrder } from '../index/sorted-agents.js';
import { end, start } from '../index/sorted-agents.js';
import { uselessRoom } from '../score/fragmentation.js';

/** A search that has more changes to look at than this looks at everything instead. */
const maxChangesLookedAt = 512;

type Test = (slot: AgentSlot) => boolean;

/** What a search is about. */
export interface Search {
  readonly fleet: Fleet;
  readonly request: RequestClass;
  readonly policy: FitPolicy;
  /** Agents to be avoided, where others do as well. */
  readonly failedOn?: ReadonlySet<string> | undefined;
}

/**
 * The best agent for the next task of the class: of those that have room and where every constraint holds, those with
 * the most wishes granted, and of these the first by the policy. Undefined only where there is none at all.
 */
export function findAgent(search: Search): AgentSlot | undefined {
  const { request, failedOn } = search;
  if (search.policy === 'fragmentation') return findByScore(search);
  const { wishes } = request.spec;
  if (failedOn !== undefined) return findByWishes(search, [...wishes, unlike(failedOn)]);
  if (wishes.length === 0) return findFirst(search, '', () => true);
  const ideal = findIdeal(search);
  if (ideal !== undefined) return ideal;
  return wishes.length === 1 ? findFirst(search, '', () => true) : findByWishes(search, wishes);
}

/** An agent is better where the job has not failed of late. */
function unlike(failedOn: ReadonlySet<string>): Wish {
  return { name: 'no recent failure', holds: ({ id }) => !failedOn.has(id) };
}

/** The first agent where every wish is granted. */
function findIdeal(search: Search): AgentSlot | undefined {
  const { request } = search;
  const { wishes } = request.spec;
  const wantsBalance = wishes.some(isBalance);
  const others = wishes.filter((wish) => !isBalance(wish));
  const test: Test = (slot) => others.every((wish) => request.grants(wish, slot));
  return wantsBalance ? firstInZones(search, 'ideal', test) : findFirst(search, 'ideal', test);
}

function isBalance(wish: Wish): boolean {
  return 'condition' in wish && wish.condition === 'zoneBalance';
}

/** The first agent where all must-haves hold, and the test; `name` is the search's, to go on from the last one. */
function findFirst(search: Search, name: string, test: Test): AgentSlot | undefined {
  const { conditions } = search.request.spec;
  return conditions.has('zoneBalance') ? firstInZones(search, name, test) : firstAnywhere(search, name, test);
}

/** Each zone has a search of its own: which zones may have the task changes all the time, what is in one does not. */
function firstInZones(search: Search, name: string, test: Test): AgentSlot | undefined {
  const order = orderOf(search);
  let best: AgentSlot | undefined;
  for (const zone of search.request.balancedZones()) {
    const found = firstAnywhere(search, `${name}@${zone}`, (slot) => slot.zone === zone && test(slot));
    if (found !== undefined && (best === undefined || order.isBefore(found, order.positionOf(best))))
      best = found;
  }
  return best;
}

/** What was no agent for the class stays so until something changes on it: so the search goes on where it ended. */
function firstAnywhere(search: Search, name: string, test: Test): AgentSlot | undefined {
  const { fleet, request } = search;
  const { spec, resources } = request;
  const order = orderOf(search);
  const isMatch: Test = (slot) => request.isWelcome(slot) && test(slot);
  if (spec.looksElsewhere || (name !== '' && spec.wishesLookElsewhere)) {
    return order.findFirst(resources, start, isMatch);
  }
  const cursor = request.cursor(order, name);
  const changed = firstChanged(search, cursor.seen, isMatch);
  const isKnown = changed !== 'all';
  const found =
    isKnown && changed !== undefined && order.isBefore(changed, cursor.position)
      ? changed
      : order.findFirst(resources, isKnown ? cursor.position : start, isMatch);
  cursor.position = found === undefined ? end : order.positionOf(found);
  cursor.seen = fleet.changes.end;
  return found;
}

/** The first match among the agents that have changed since; `all` where that would be too many to look at. */
function firstChanged(search: Search, since: number, isMatch: Test): AgentSlot | undefined | 'all' {
  const { fleet, request } = search;
  const { changes } = fleet;
  if (since < 0 || !changes.reaches(since, maxChangesLookedAt)) return 'all';
  const order = orderOf(search);
  let best: AgentSlot | undefined;
  let last: AgentSlot | undefined;
  for (let number = since; number < changes.end; number += 1) {
    const slot = changes.at(number);
    if (slot === undefined || slot === last || slot.index === gone) continue;
    last = slot;
    if (!slot.fits(request.resources) || !isMatch(slot)) continue;
    if (best === undefined || order.isBefore(slot, order.positionOf(best))) best = slot;
  }
  return best;
}

/** Looks at every agent that has room, and stops early only where no better one can follow. */
function findByWishes(search: Search, wishes: readonly Wish[]): AgentSlot | undefined {
  const { request } = search;
  const isMatch = matcher(search);
  let best: AgentSlot | undefined;
  let most = -1;
  orderOf(search).visit(request.resources, start, (slot) => {
    if (!isMatch(slot)) return true;
    const granted = countGranted(request, wishes, slot);
    if (granted > most) {
      best = slot;
      most = granted;
    }
    return most < wishes.length;
  });
  return best;
}

function findByScore(search: Search): AgentSlot | undefined {
  const { fleet, request, failedOn } = search;
  const wishes = failedOn === undefined ? request.spec.wishes : [...request.spec.wishes, unlike(failedOn)];
  const isMatch = matcher(search);
  const score = uselessRoom(fleet, request);
  let best: AgentSlot | undefined;
  let most = -1;
  let least = Number.POSITIVE_INFINITY;
  fleet.order(fullestFirst).visit(request.resources, start, (slot) => {
    if (!isMatch(slot)) return true;
    const granted = countGranted(request, wishes, slot);
    if (granted < most) return true;
    const cost = score(slot);
    if (granted > most || cost < least) {
      best = slot;
      most = granted;
      least = cost;
    }
    return true;
  });
  return best;
}

function matcher({ request }: Search): Test {
  if (!request.spec.conditions.has('zoneBalance')) return (slot) => request.isWelcome(slot);
  const zones = new Set(request.balancedZones());
  return (slot) => zones.has(slot.zone) && request.isWelcome(slot);
}

function countGranted(request: RequestClass, wishes: readonly Wish[], slot: AgentSlot): number {
  let granted = 0;
  for (const wish of wishes) if (request.grants(wish, slot)) granted += 1;
  return granted;
}

function orderOf({ fleet, policy }: Search): AgentOrder {
  return fleet.order(policy === 'spread' ? emptiestFirst : fullestFirst);
}
