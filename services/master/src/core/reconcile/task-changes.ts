import type { TaskRecord } from '@berth/shared/gen/berth/v1/store';
import { taskIdOf } from '@berth/shared/model/task/task-id';

/** Changes that only make sense together: an ended task is marked as replaced in the step that creates its successor. */
export interface SlotStep {
  readonly changed?: TaskRecord;
  readonly created?: TaskRecord;
}

/** A job's tasks while a decision about them is made, and how much more of it may be written. */
export class TaskChanges {
  readonly #stored: readonly TaskRecord[];
  readonly #changed = new Map<string, TaskRecord>();
  readonly #created: TaskRecord[] = [];
  #room: number;
  #isComplete = true;

  /** At most `maxWrites` tasks change or are created. */
  constructor(stored: readonly TaskRecord[], maxWrites: number) {
    this.#stored = stored;
    this.#room = maxWrites;
  }

  /** Whether everything that was to be changed could be. */
  get isComplete(): boolean {
    return this.#isComplete;
  }

  /** How many more tasks may be written. */
  get room(): number {
    return this.#room;
  }

  /** Takes the whole step, or, for want of room, nothing of it. */
  take({ changed, created }: SlotStep): boolean {
    const isAgain = changed !== undefined && this.#changed.has(taskIdOf(changed));
    const cost = (changed === undefined || isAgain ? 0 : 1) + (created === undefined ? 0 : 1);
    if (cost > this.#room) {
      this.#isComplete = false;
      return false;
    }
    this.#room -= cost;
    if (changed !== undefined) this.#changed.set(taskIdOf(changed), changed);
    if (created !== undefined) this.#created.push(created);
    return true;
  }

  /** All tasks as they are to be, in the order of their creation. */
  tasks(): readonly TaskRecord[] {
    if (this.written === 0) return this.#stored;
    return [...this.#stored.map((task) => this.#changed.get(taskIdOf(task)) ?? task), ...this.#created];
  }

  /** The tasks to write. */
  writes(): readonly TaskRecord[] {
    return [...this.#changed.values(), ...this.#created];
  }

  get written(): number {
    return this.#changed.size + this.#created.length;
  }
}
