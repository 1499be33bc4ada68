import type { TaskRecord } from '@berth/shared/gen/berth/v1/store';
import { taskIdOf } from '@berth/shared/model/task/task-id';

/** Tasks of one job and stage that wait for an agent. */
export interface WaitingShard {
  readonly jobId: string;
  readonly stage: number;
  /** In the order in which they came, with their place among all that wait. */
  readonly ages: ReadonlyMap<string, number>;
}

interface Kept extends WaitingShard {
  readonly ages: Map<string, number>;
}

/** The tasks that wait for an agent, those together that ask for the same. */
export class WaitingTasks {
  readonly #laneOf = new Map<string, Kept>();
  readonly #shards = new Map<string, Kept>();
  /** How many have ever come. */
  #arrivals = 0;

  constructor(tasks: Iterable<TaskRecord> = []) {
    for (const task of tasks) this.add(task);
  }

  get size(): number {
    return this.#laneOf.size;
  }

  /** The next one to come would have this age. */
  get endAge(): number {
    return this.#arrivals;
  }

  has(taskId: string): boolean {
    return this.#laneOf.has(taskId);
  }

  add(task: TaskRecord): void {
    const { jobId, stage } = task;
    const id = taskIdOf(task);
    if (this.#laneOf.has(id)) return;
    const key = `${jobId}/${stage}`;
    const shard = this.#shards.get(key) ?? { jobId, stage, ages: new Map<string, number>() };
    this.#shards.set(key, shard);
    this.#laneOf.set(id, shard);
    shard.ages.set(id, this.#arrivals);
    this.#arrivals += 1;
  }

  remove(taskId: string): void {
    const shard = this.#laneOf.get(taskId);
    if (shard === undefined) return;
    this.#laneOf.delete(taskId);
    shard.ages.delete(taskId);
    if (shard.ages.size === 0) this.#shards.delete(`${shard.jobId}/${shard.stage}`);
  }

  shards(): Iterable<WaitingShard> {
    return this.#shards.values();
  }

  ids(): Iterable<string> {
    return this.#laneOf.keys();
  }
}
