import { CapacityProbe } from '@berth/scheduler';
import type { TaskRecord } from '@berth/shared/gen/berth/v1/store';
import type { RoundInput } from '../plan/round-types.js';
import { placeOptions } from './place-options.js';
import { toQueued } from './waiting-shards.js';

/** Capacity for tasks that leave draining agents. It stays reserved for the rest of the round. */
export class MigrationTargets {
  readonly #input: RoundInput;
  #probe: CapacityProbe | undefined;

  constructor(input: RoundInput) {
    this.#input = input;
  }

  /** Reserves capacity elsewhere for another task like this one; true if there is any. */
  find(task: TaskRecord): boolean {
    this.#probe ??= this.#open();
    return this.#probe.reserve({ ...toQueued(task, this.#input.cell), agentId: task.agentId });
  }

  /** Gives the capacity back. It must be called before any other use of the index of agents. */
  close(): void {
    this.#probe?.close();
  }

  /** Reserves capacity first for tasks that are moving already. */
  #open(): CapacityProbe {
    const { cell, agents } = this.#input;
    const probe = new CapacityProbe(agents.index, placeOptions(this.#input));
    for (const [taskId, agentId] of agents.stopping) {
      const task = cell.find('task', taskId)?.record;
      if (task?.stop?.code === 'moved') probe.reserve({ ...toQueued(task, cell), agentId });
    }
    return probe;
  }
}
