import type { TaskRecord } from '@berth/shared/gen/berth/v1/store';
import { taskIdOf } from '@berth/shared/model/task/task-id';

/** Tasks of one job and stage that wait for an agent. */
interface WaitingShard {
  readonly jobId: string;
  readonly stage: number;
  /** The tasks in order of arrival, with their position among all waiting tasks. */
  readonly ages: ReadonlyMap<string, number>;
}

interface OwnShard extends WaitingShard {
  readonly ages: Map<string, number>;
}

/** The tasks that wait for an agent, grouped by equal requests. */
export class WaitingTasks {
  readonly #shardOf = new Map<string, OwnShard>();
  readonly #shards = new Map<string, OwnShard>();
  /** The number of tasks that have ever come. */
  #arrivals = 0;

  constructor(tasks: Iterable<TaskRecord> = []) {
    for (const task of tasks) this.add(task);
  }

  get size(): number {
    return this.#shardOf.size;
  }

  /** The age of the next task to come. */
  get endAge(): number {
    return this.#arrivals;
  }

  has(taskId: string): boolean {
    return this.#shardOf.has(taskId);
  }

  add(task: TaskRecord): void {
    const { jobId, stage } = task;
    const id = taskIdOf(task);
    if (this.#shardOf.has(id)) return;
    const key = `${jobId}/${stage}`;
    const shard = this.#shards.get(key) ?? { jobId, stage, ages: new Map<string, number>() };
    this.#shards.set(key, shard);
    this.#shardOf.set(id, shard);
    shard.ages.set(id, this.#arrivals);
    this.#arrivals += 1;
  }

  remove(taskId: string): void {
    const shard = this.#shardOf.get(taskId);
    if (shard === undefined) return;
    this.#shardOf.delete(taskId);
    shard.ages.delete(taskId);
    if (shard.ages.size === 0) this.#shards.delete(`${shard.jobId}/${shard.stage}`);
  }

  shards(): Iterable<WaitingShard> {
    return this.#shards.values();
  }

  ids(): Iterable<string> {
    return this.#shardOf.keys();
  }
}
