import type { AgentInfo } from '../agent/agent-info.js';
import type { Booking } from '../agent/booking.js';
import type { AgentIndex } from '../index/agent-index.js';

/** One step: a task was booked, or its booking was given back. */
interface TransactionStep {
  readonly agent: AgentInfo;
  readonly booking: Booking;
  readonly isTaken: boolean;
}

/** The bookings of one plan. They are rolled back at its end: the commits that follow book its results. */
export class PlacementTransaction {
  readonly #index: AgentIndex;
  readonly #steps: TransactionStep[] = [];

  constructor(index: AgentIndex) {
    this.#index = index;
  }

  /** Books a task. A task without known gpus gets free ones. */
  take(agent: AgentInfo, booking: Booking): void {
    this.#steps.push({ agent, booking: this.#index.take(agent, booking), isTaken: true });
  }

  /** Gives back the capacity of a task, if it has any there. */
  give(agentId: string, taskId: string): void {
    const agent = this.#index.find(agentId);
    const booking = agent && this.#index.give(agent, taskId);
    if (agent !== undefined && booking !== undefined) this.#steps.push({ agent, booking, isTaken: false });
  }

  /** Takes all steps back, the last one first. */
  rollback(): void {
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      if (step.isTaken) this.#index.give(step.agent, step.booking.taskId);
      else this.#index.take(step.agent, step.booking);
    }
  }
}
