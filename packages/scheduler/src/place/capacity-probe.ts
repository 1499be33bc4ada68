import { anywhere } from '../filters/compile-spec.js';
import type { Fleet } from '../index/block-index.js';
import { findAgent } from './find-agent.js';
import { type PlaceOptions, type QueuedTask, searchFor } from './place.js';
import { Journal } from './placement-transaction.js';

/** A task that is on an agent, and might have to leave it. */
export interface Leaving extends QueuedTask {
  readonly agentId: string;
}

/** Finds out for one task after another whether it would find room elsewhere, with the room of those before it taken. */
export class RoomSearch {
  readonly #fleet: Fleet;
  readonly #options: PlaceOptions;
  readonly #journal: Journal;

  constructor(fleet: Fleet, options: PlaceOptions) {
    this.#fleet = fleet;
    this.#options = options;
    this.#journal = new Journal(fleet);
  }

  /** Whether an agent would take another task like this one, once this one has left. The room is kept for it. */
  reserve(task: Leaving): boolean {
    const { taskId, agentId, jobId, resources, spec = anywhere } = task;
    const from = this.#fleet.find(agentId);
    const booking = from && this.#fleet.give(from, taskId);
    const found = findAgent(searchFor(task, this.#fleet, this.#options));
    if (from !== undefined && booking !== undefined) this.#fleet.take(from, booking);
    if (found === undefined || found.id === agentId) return false;
    const isExclusive = spec.conditions.has('exclusiveHost');
    const cards = found.cardsFor(resources.gpuMillis);
    this.#journal.take(found, { taskId: `${taskId} moved`, jobId, resources, cards, isExclusive });
    return true;
  }

  /** Brings the fleet to where it was. */
  close(): void {
    this.#journal.undo();
  }
}
