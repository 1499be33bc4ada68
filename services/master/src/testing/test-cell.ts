import { type AgentCapacity, AgentLedger } from '@berth/scheduler';
import type { JobRecord, Resources } from '@berth/shared/gen/berth/v1/store';
import { isAgentAlive } from '@berth/shared/model/cell/agent';
import type { CellView } from '@berth/shared/model/cell/cell-view';
import type { AnyChange } from '@berth/shared/model/cell/change';
import {
  type Entity,
  type EntityKind,
  type EntityRecords,
  entityKinds,
} from '@berth/shared/model/cell/entity';
import { addResources, subtractResources, zeroResources } from '@berth/shared/model/resources/vector';
import { taskIdOf } from '@berth/shared/model/task/task-id';
import { isTaskLive } from '@berth/shared/model/task/task-state';
import type { Write } from '@berth/store';
import type { Agents } from '../core/plan/round-types.js';
import { type AgentOptions, anAgent, anAgentStatus } from './fixtures.js';

type AnyRecord = EntityRecords[EntityKind];

function eachGreater(a: Resources, b: Resources): Resources {
  const greater = { ...a };
  for (const kind of Object.keys(a) as (keyof Resources)[]) greater[kind] = Math.max(a[kind], b[kind]);
  return greater;
}

/** A cell in memory, without encoding and time, for tests of the core. */
export class TestCell implements CellView, Agents {
  readonly #tables = new Map<EntityKind, Map<string, Entity>>(entityKinds.map((kind) => [kind, new Map()]));
  readonly #written = new Map<string, AnyRecord>();
  revision = 0;

  find<K extends EntityKind>(kind: K, id: string): Entity<K> | undefined {
    return this.#table(kind).get(id);
  }

  all<K extends EntityKind>(kind: K): Iterable<Entity<K>> {
    return this.#table(kind).values();
  }

  count(kind: EntityKind): number {
    return this.#table(kind).size;
  }

  tasksOf(jobId: string): readonly Entity<'task'>[] {
    return [...this.all('task')].filter(({ record }) => record.jobId === jobId);
  }

  put<K extends EntityKind>(kind: K, id: string, record: EntityRecords[K]): this {
    this.revision += 1;
    const entity = {
      kind,
      id,
      revision: this.revision,
      record,
      bytes: Buffer.from(`${kind}/${id}@${this.revision}`),
    };
    this.#table(kind).set(id, entity);
    this.#written.set(entity.bytes.toString(), record);
    return this;
  }

  putJob(job: JobRecord): this {
    return this.put('job', job.id, job);
  }

  putAgent(options: AgentOptions = {}): this {
    const agent = anAgent(options);
    return this.put('agent', agent.id, agent).put('agentStatus', agent.id, anAgentStatus(agent.id));
  }

  putTasks(tasks: readonly EntityRecords['task'][]): this {
    for (const task of tasks) this.put('task', taskIdOf(task), task);
    return this;
  }

  remove(kind: EntityKind, id: string): void {
    this.#table(kind).delete(id);
  }

  /**
   * Applies a commit's writes and returns their changes. A commit that names an entity twice fails, as it
   * does in the store.
   */
  apply(writes: readonly Write[]): readonly AnyChange[] {
    const names = new Set(writes.map(({ kind, id }) => `${kind}/${id}`));
    if (names.size < writes.length) throw new Error('a commit names an entity twice');
    return writes.flatMap(({ kind, id, record }) => {
      const before = this.find(kind, id);
      if (record === undefined) this.remove(kind, id);
      else this.put(kind, id, record as AnyRecord as never);
      const after = this.find(kind, id);
      return before === undefined && after === undefined
        ? []
        : [{ kind, id, before, after } as unknown as AnyChange];
    });
  }

  /**
   * The record that these bytes stand for, whenever it was written: entities of this cell are not encoded.
   */
  recordOf(bytes: Uint8Array): AnyRecord | undefined {
    return this.#written.get(Buffer.from(bytes).toString());
  }

  /** Made anew from all agents and tasks. */
  get index() {
    return new AgentLedger(this).index;
  }

  get stopping() {
    return new AgentLedger(this).stopping;
  }

  /** Counted anew from all tasks. */
  capacities(): readonly AgentCapacity[] {
    return [...this.all('agent')]
      .filter(({ id }) => isAgentAlive(this, id))
      .map(({ id, record }) => {
        const total = record.capacity ?? zeroResources();
        return { id, total, free: subtractResources(total, this.usedOn(id)) };
      });
  }

  /**
   * Returns the most that the live tasks on the agent can use at any one time, in any order of the victims'
   * ends.
   */
  usedOn(agentId: string): Resources {
    const tasks = [...this.all('task')]
      .map(({ record }) => record)
      .filter((task) => task.agentId === agentId && isTaskLive(task));
    const live = new Set(tasks.map(taskIdOf));
    const awaited = [...new Set(tasks.flatMap((task) => task.awaitedTaskIds))].filter((id) => live.has(id));
    let most = zeroResources();
    for (let bits = 0; bits < 2 ** awaited.length; bits += 1) {
      const gone = new Set(awaited.filter((_, index) => ((bits >> index) & 1) === 1));
      const run = tasks.filter(
        (task) =>
          !gone.has(taskIdOf(task)) && task.awaitedTaskIds.every((id) => gone.has(id) || !live.has(id)),
      );
      most = eachGreater(
        most,
        run.map((task) => task.resources ?? zeroResources()).reduce(addResources, zeroResources()),
      );
    }
    return most;
  }

  #table<K extends EntityKind>(kind: K): Map<string, Entity<K>> {
    return this.#tables.get(kind) as unknown as Map<string, Entity<K>>;
  }
}
