import type { TaskRecord } from '@berth/shared/gen/berth/v1/store';
import { taskIdOf } from '@berth/shared/model/task/task-id';
import type { SlotStep } from '../slots/slots.js';

/** A job's tasks while a decision about them is made, with the number of writes that are left. */
export class TaskChanges {
  readonly #stored: readonly TaskRecord[];
  readonly #changed = new Map<string, TaskRecord>();
  readonly #created: TaskRecord[] = [];
  #writesLeft: number;
  #isComplete = true;
  /** The result of {@link tasks} until the next step: with thousands of tasks it costs much. */
  #tasks: readonly TaskRecord[] | undefined;

  /** At most `maxWrites` tasks change or are created. */
  constructor(stored: readonly TaskRecord[], maxWrites: number) {
    this.#stored = stored;
    this.#writesLeft = maxWrites;
  }

  /** True if all changes so far could be taken. */
  get isComplete(): boolean {
    return this.#isComplete;
  }

  /** The number of tasks that may still be written. */
  get writesLeft(): number {
    return this.#writesLeft;
  }

  /** Takes the whole step; takes nothing and returns false if too few writes are left. */
  take({ changed, created }: SlotStep): boolean {
    const isAgain = changed !== undefined && this.#changed.has(taskIdOf(changed));
    const cost = (changed === undefined || isAgain ? 0 : 1) + (created === undefined ? 0 : 1);
    if (cost > this.#writesLeft) {
      this.#isComplete = false;
      return false;
    }
    this.#writesLeft -= cost;
    this.#tasks = undefined;
    if (changed !== undefined) this.#changed.set(taskIdOf(changed), changed);
    if (created !== undefined) this.#created.push(created);
    return true;
  }

  /** Returns all tasks as they will be, in the order of their creation. */
  tasks(): readonly TaskRecord[] {
    if (this.written === 0) return this.#stored;
    this.#tasks ??= [
      ...this.#stored.map((task) => this.#changed.get(taskIdOf(task)) ?? task),
      ...this.#created,
    ];
    return this.#tasks;
  }

  /** Returns the tasks to write. */
  writes(): readonly TaskRecord[] {
    return [...this.#changed.values(), ...this.#created];
  }

  get written(): number {
    return this.#changed.size + this.#created.length;
  }
}
