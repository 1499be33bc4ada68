import type { AgentIndex } from '../index/agent-index.js';
import type { QueuedTask } from '../request/placement-request.js';
import { anywhere } from '../request/placement-spec.js';
import { findAgent } from './find-agent.js';
import type { PlaceOptions } from './place-options.js';
import { PlacementTransaction } from './placement-transaction.js';
import { searchFor } from './search-for.js';

/** A task that is on an agent and might have to move. */
interface MovableTask extends QueuedTask {
  readonly agentId: string;
}

/**
 * Finds for one task after another if other agents have capacity for it, beside the tasks that were found
 * before.
 */
export class CapacityProbe {
  readonly #index: AgentIndex;
  readonly #options: PlaceOptions;
  readonly #transaction: PlacementTransaction;

  constructor(index: AgentIndex, options: PlaceOptions) {
    this.#index = index;
    this.#options = options;
    this.#transaction = new PlacementTransaction(index);
  }

  /**
   * True if another agent takes a task like this one, once this one has left. The capacity there stays
   * reserved.
   */
  reserve(task: MovableTask): boolean {
    const { taskId, agentId, jobId, resources, spec = anywhere } = task;
    const from = this.#index.find(agentId);
    const booking = from && this.#index.give(from, taskId);
    const found = findAgent(searchFor(task, this.#index, this.#options));
    if (from !== undefined && booking !== undefined) this.#index.take(from, booking);
    if (found === undefined || found.id === agentId) return false;
    const { isExclusive, hostPorts } = spec;
    const gpus = found.gpusFor(resources.gpuMillis);
    this.#transaction.take(found, {
      taskId: `${taskId} moved`,
      jobId,
      resources,
      gpus,
      isExclusive,
      isLaunching: true,
      hostPorts,
    });
    return true;
  }

  /** Gives all reserved capacity back. */
  close(): void {
    this.#transaction.rollback();
  }
}
