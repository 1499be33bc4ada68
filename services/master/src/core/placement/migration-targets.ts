import { CapacityProbe } from '@berth/scheduler';
import type { TaskRecord } from '@berth/shared/gen/berth/v1/store';
import type { RoundInput } from '../plan/round-types.js';
import { placeOptions, toQueued } from './place-queue.js';

/** Agents for tasks that leave draining agents. Capacity that was found stays reserved for the rest of the round. */
export class MigrationTargets {
  readonly #input: RoundInput;
  #probe: CapacityProbe | undefined;

  constructor(input: RoundInput) {
    this.#input = input;
  }

  /** True if another agent has capacity for a task like this one. */
  find(task: TaskRecord): boolean {
    this.#probe ??= this.#open();
    return this.#probe.reserve({ ...toQueued(task, this.#input.cell), agentId: task.agentId });
  }

  /** Must be called before the round uses the index for anything else. */
  close(): void {
    this.#probe?.close();
  }

  /** Tasks that are on their way already have their capacity reserved first. */
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
