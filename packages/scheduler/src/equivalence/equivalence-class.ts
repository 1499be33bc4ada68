import type { Resources } from '@berth/shared/gen/berth/v1/store';
import type { Facts } from '@berth/shared/model/expression/compile';
import type { ConditionName } from '@berth/shared/model/expression/vocabulary';
import { anywhere, type PlacementSpec, type Wish } from '../filters/compile-spec.js';
import type { Fleet } from '../index/block-index.js';
import type { AgentSlot } from '../index/indexed-agent.js';
import { type AgentOrder, type Position, start } from '../index/sorted-agents.js';
import type { Verdicts } from './feasibility-cache.js';

/** Up to where a search needs not look again, but at agents that have changed since. */
export interface Cursor {
  position: Position;
  /** The number of the first change that the search has not seen. */
  seen: number;
}

/** What a task asks for. */
export interface Asking {
  readonly jobId: string;
  readonly resources: Resources;
  readonly spec?: PlacementSpec;
}

/** Tasks that ask for the same, share what was found out for any of them. */
export class RequestClass {
  readonly resources: Resources;
  readonly spec: PlacementSpec;
  /** '' where the verdict is the same for all jobs. */
  readonly jobId: string;
  /** Agents that will not take a task of this job for now. */
  readonly refusedBy: ReadonlySet<string> | undefined;
  readonly #cursors = new Map<AgentOrder, Map<string, Cursor>>();
  /** Scores of agents by their index, for policies that score; with the agent's version that each is of. */
  readonly scores: number[] = [];
  readonly scoredVersions: number[] = [];
  scoredMix = -1;
  readonly #fleet: Fleet;
  /** Whether the fixed rules hold; shared with all classes whose rules are the same. */
  readonly #verdicts: Verdicts;
  #zones: readonly string[] = [];
  #zonesOf = -1;

  constructor(fleet: Fleet, { resources, spec = anywhere, jobId }: Asking, refusedBy?: ReadonlySet<string>) {
    this.#fleet = fleet;
    this.resources = resources;
    this.spec = spec;
    this.jobId = jobId;
    this.refusedBy = refusedBy;
    this.#verdicts = fleet.verdictsOf(spec.key);
  }

  /** Whether the agent is one that the job may use, whatever runs there. */
  isAllowed(slot: AgentSlot): boolean {
    const { fixedRules } = this.spec;
    if (fixedRules.length === 0) return true;
    const known = this.#verdicts.of(slot.index);
    if (known !== undefined) return known;
    const facts = this.factsOf(slot);
    const holds = fixedRules.every((rule) => rule.holds(facts));
    this.#verdicts.note(slot.index, holds, this.#fleet.indexEnd);
    return holds;
  }

  /** Whether what runs there, or elsewhere, lets a task of the job come to the agent; room is another matter. */
  isWelcome(slot: AgentSlot): boolean {
    if (slot.exclusiveTasks > 0 || slot.isDraining || !this.isAllowed(slot)) return false;
    if (this.refusedBy?.has(slot.id)) return false;
    const { conditions, changingRules } = this.spec;
    if (conditions.has('uniqueHost') && !this.#isUnique(slot)) return false;
    if (conditions.has('exclusiveHost') && slot.bookings.size > 0) return false;
    if (changingRules.length === 0) return true;
    const facts = this.factsOf(slot);
    return changingRules.every((rule) => rule.holds(facts));
  }

  /** Whether a task placed there would keep the condition. */
  holds(condition: 'uniqueHost' | 'exclusiveHost' | 'zoneBalance', slot: AgentSlot): boolean {
    switch (condition) {
      case 'uniqueHost':
        return this.#isUnique(slot);
      case 'exclusiveHost':
        return slot.bookings.size === 0;
      case 'zoneBalance':
        return slot.zone !== '' && this.#countIn(slot.zone) <= this.#leastInZone();
    }
  }

  grants(wish: Wish, slot: AgentSlot): boolean {
    return 'condition' in wish ? this.holds(wish.condition, slot) : wish.holds(this.factsOf(slot));
  }

  /** The zones that may get the job's next task, by zone balance. */
  balancedZones(): readonly string[] {
    const least = this.#leastInZone();
    return this.usableZones().filter((zone) => this.#countIn(zone) <= least);
  }

  /** The zones that have an agent this job could use, were it empty. */
  usableZones(): readonly string[] {
    if (this.#zonesOf === this.#fleet.membership) return this.#zones;
    const zones = new Set<string>();
    for (const slot of this.#fleet.agents()) {
      // Most often the first few agents show all the zones that there are.
      if (zones.size === this.#fleet.zones) break;
      if (
        slot.zone !== '' &&
        !zones.has(slot.zone) &&
        !slot.isDraining &&
        slot.couldFit(this.resources) &&
        this.isAllowed(slot)
      ) {
        zones.add(slot.zone);
      }
    }
    this.#zonesOf = this.#fleet.membership;
    this.#zones = [...zones].sort();
    return this.#zones;
  }

  /** Where the search of that name ended in that order. */
  cursor(order: AgentOrder, name: string): Cursor {
    const cursors = this.#cursors.get(order) ?? new Map<string, Cursor>();
    this.#cursors.set(order, cursors);
    const cursor = cursors.get(name) ?? { position: start, seen: -1 };
    cursors.set(name, cursor);
    return cursor;
  }

  factsOf(slot: AgentSlot): Facts {
    return new SlotFacts(slot, this);
  }

  #isUnique(slot: AgentSlot): boolean {
    return (this.#fleet.placesOf(this.jobId)?.on(slot) ?? 0) === 0;
  }

  #countIn(zone: string): number {
    return this.#fleet.placesOf(this.jobId)?.inZone(zone) ?? 0;
  }

  #leastInZone(): number {
    let least = Number.POSITIVE_INFINITY;
    for (const zone of this.usableZones()) least = Math.min(least, this.#countIn(zone));
    return least;
  }
}

/** An agent as expressions see it. A class, since an object with a getter of its own costs ten times as much to make. */
class SlotFacts implements Facts {
  readonly id: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly total: Resources;
  readonly #slot: AgentSlot;
  readonly #request: RequestClass;

  constructor(slot: AgentSlot, request: RequestClass) {
    this.id = slot.id;
    this.attributes = slot.attributes;
    this.total = slot.total;
    this.#slot = slot;
    this.#request = request;
  }

  get free(): Resources {
    return this.#slot.free;
  }

  holds(condition: ConditionName): boolean {
    return this.#request.holds(condition, this.#slot);
  }
}
