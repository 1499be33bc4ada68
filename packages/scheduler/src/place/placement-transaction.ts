import type { Fleet } from '../index/block-index.js';
import type { AgentSlot, Booking } from '../index/indexed-agent.js';

/** A step of a plan: a task that was booked, or one whose booking was given back. */
interface Step {
  readonly slot: AgentSlot;
  readonly booking: Booking;
  readonly isTaken: boolean;
}

/** What a plan has booked, so that it can be taken back. */
export class Journal {
  readonly #fleet: Fleet;
  readonly #steps: Step[] = [];

  constructor(fleet: Fleet) {
    this.#fleet = fleet;
  }

  /** Books a task; its cards are found where they are not known. */
  take(slot: AgentSlot, booking: Booking): void {
    this.#steps.push({ slot, booking: this.#fleet.take(slot, booking), isTaken: true });
  }

  /** Gives back what a task holds, if it holds anything there. */
  give(agentId: string, taskId: string): void {
    const slot = this.#fleet.find(agentId);
    const booking = slot && this.#fleet.give(slot, taskId);
    if (slot !== undefined && booking !== undefined) this.#steps.push({ slot, booking, isTaken: false });
  }

  /** Brings the fleet to where it was. */
  undo(): void {
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      if (step.isTaken) this.#fleet.give(step.slot, step.booking.taskId);
      else this.#fleet.take(step.slot, step.booking);
    }
  }
}
