import { RoomSearch } from '@berth/scheduler';
import type { TaskRecord } from '@berth/shared/gen/berth/v1/store';
import type { RoundInput } from '../plan/round-types.js';
import { placeOptions, toQueued } from './place-queue.js';

/** Room for tasks that leave draining agents. What is found in a round is taken for the rest of it. */
export class MoveRooms {
  readonly #input: RoundInput;
  #search: RoomSearch | undefined;

  constructor(input: RoundInput) {
    this.#input = input;
  }

  /** Whether there is room elsewhere for another task like this one. */
  find(task: TaskRecord): boolean {
    this.#search ??= this.#open();
    return this.#search.reserve({ ...toQueued(task, this.#input.cell), agentId: task.agentId });
  }

  /** To be called before anything else is done with the fleet. */
  close(): void {
    this.#search?.close();
  }

  /** Tasks that are on their way already have room coming to them. */
  #open(): RoomSearch {
    const { cell, agents } = this.#input;
    const search = new RoomSearch(agents.fleet, placeOptions(this.#input));
    for (const [taskId, agentId] of agents.stopping) {
      const task = cell.find('task', taskId)?.record;
      if (task?.stop?.code === 'moved') search.reserve({ ...toQueued(task, cell), agentId });
    }
    return search;
  }
}
