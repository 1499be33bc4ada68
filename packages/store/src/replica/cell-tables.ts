import type { AnyChange } from '@berth/shared/model/cell/change';
import type { AnyEntity, Entity, EntityKind } from '@berth/shared/model/cell/entity';
import { entityKinds } from '@berth/shared/model/cell/entity';
import { jobIdOf } from '@berth/shared/model/cell/task-head';
import { isJobLive } from '@berth/shared/model/job/job';
import type { EncodedWrite } from '../commit/encoded-write.js';
import type { Write } from '../contract/commit.js';
import type { LogEntry, StoredEntity } from '../contract/log.js';
import type { Tuning } from '../contract/tuning.js';
import { decodeEntity, encodeRecord, fieldOf, parseField } from '../wire/codec.js';
import { readTaskHead, StoredTask } from '../wire/stored-task.js';

const removed = new Uint8Array(0);

type Tables = { readonly [K in EntityKind]: Map<string, Entity<K>> };

/** The tasks of one job by id, and an array of them that lives until one changes. */
interface JobTasks {
  readonly byId: Map<string, Entity<'task'>>;
  list?: readonly Entity<'task'>[];
}

/**
 * A cell's entities in memory, with an index of tasks by job. The cost of a write does not depend on the size
 * of the cell.
 */
export class CellTables {
  readonly #tables: Tables = {
    cluster: new Map(),
    job: new Map(),
    jobStatus: new Map(),
    task: new Map(),
    taskStop: new Map(),
    agent: new Map(),
    agentStatus: new Map(),
    clusterStatus: new Map(),
    clusterRuns: new Map(),
    jobScaling: new Map(),
    agentDrain: new Map(),
  };
  readonly #tasksByJob = new Map<string, JobTasks>();
  readonly #tuning: Tuning;

  constructor(tuning: Tuning = 'on') {
    this.#tuning = tuning;
  }

  find<K extends EntityKind>(kind: K, id: string): Entity<K> | undefined {
    return this.#table(kind).get(id);
  }

  all<K extends EntityKind>(kind: K): Iterable<Entity<K>> {
    return this.#table(kind).values();
  }

  count(kind: EntityKind): number {
    return this.#tables[kind].size;
  }

  tasksOf(jobId: string): readonly Entity<'task'>[] {
    const tasks = this.#tasksByJob.get(jobId);
    if (tasks === undefined) return [];
    tasks.list ??= [...tasks.byId.values()];
    return tasks.list;
  }

  put(entity: AnyEntity): void {
    const table: Map<string, AnyEntity> = this.#tables[entity.kind] as Map<string, AnyEntity>;
    if (entity.kind === 'task') this.#index(entity);
    table.set(entity.id, entity);
    const hasEnded = entity.kind === 'jobStatus' && !isJobLive(entity.record);
    if (hasEnded && this.#tuning === 'on') this.#pack(entity.id);
  }

  /**
   * Drops the decoded records of a finished job's tasks, because few of them are read again. Their bytes
   * stay.
   */
  #pack(jobId: string): void {
    const tasks = this.#tasksByJob.get(jobId);
    for (const task of tasks?.byId.values() ?? []) {
      const packed = asStored(task);
      this.#tables.task.set(packed.id, packed);
      tasks?.byId.set(packed.id, packed);
    }
    delete tasks?.list;
  }

  remove(kind: EntityKind, id: string): void {
    if (kind === 'task') this.#unindex(this.#tables.task.get(id));
    this.#tables[kind].delete(id);
  }

  /**
   * Applies the writes of one commit and returns their changes. Throws, with nothing applied, if one of them
   * cannot be decoded. Skips kinds that this version does not know. If the writes are `known` from their
   * request, it does not read those of the entry.
   */
  apply(entry: Pick<LogEntry, 'revision' | 'writes'>, known?: readonly EncodedWrite[]): readonly AnyChange[] {
    const decoded =
      known === undefined
        ? entry.writes.map((stored) => ({
            name: parseField(stored.field),
            after: decodeWrite(stored, this.#tuning),
          }))
        : known.map((write) => ({ name: write, after: knownEntity(write, entry.revision) }));
    const changes: AnyChange[] = [];
    for (const { name, after } of decoded) {
      if (name === undefined) continue;
      const before = this.find(name.kind, name.id) as AnyEntity | undefined;
      if (after !== undefined) this.put(after);
      else if (before !== undefined) this.remove(name.kind, name.id);
      else continue;
      changes.push(changeOf(before, after));
    }
    return changes;
  }

  /** Applies a commit that no store has seen, in the form that a store would give it. */
  commit(revision: number, writes: readonly Write[]): readonly AnyChange[] {
    const stored = writes.map(({ kind, id, record }) => ({
      field: fieldOf(kind, id),
      revision,
      bytes: record === undefined ? removed : encodeRecord(kind, record, this.#tuning),
    }));
    return this.apply({ revision, writes: stored });
  }

  #table<K extends EntityKind>(kind: K): Map<string, Entity<K>> {
    return this.#tables[kind];
  }

  #index(task: Entity<'task'>): void {
    const jobId = jobIdOf(task);
    const before = this.#tables.task.get(task.id);
    if (before !== undefined && jobIdOf(before) !== jobId) this.#unindex(before);
    const tasks: JobTasks = this.#tasksByJob.get(jobId) ?? { byId: new Map() };
    tasks.byId.set(task.id, task);
    delete tasks.list;
    this.#tasksByJob.set(jobId, tasks);
  }

  #unindex(task: Entity<'task'> | undefined): void {
    const tasks = task && this.#tasksByJob.get(jobIdOf(task));
    if (task === undefined || tasks === undefined) return;
    tasks.byId.delete(task.id);
    delete tasks.list;
    if (tasks.byId.size === 0) this.#tasksByJob.delete(jobIdOf(task));
  }
}

function asStored(task: Entity<'task'>): Entity<'task'> {
  if (task instanceof StoredTask) return task;
  const { id, revision, bytes } = task;
  const head = readTaskHead(bytes);
  return head === undefined ? task : new StoredTask(id, revision, { bytes, head });
}

function decodeWrite(stored: StoredEntity, tuning: Tuning): AnyEntity | undefined {
  return stored.bytes.length === 0 ? undefined : decodeEntity(stored, tuning);
}

function knownEntity({ kind, id, record, bytes }: EncodedWrite, revision: number): AnyEntity | undefined {
  return record === undefined ? undefined : ({ kind, id, revision, record, bytes } as AnyEntity);
}

function changeOf(before: AnyEntity | undefined, after: AnyEntity | undefined): AnyChange {
  const named = after ?? before;
  if (named === undefined) throw new TypeError('a change has a before or an after');
  return { kind: named.kind, id: named.id, before, after } as AnyChange;
}

/** Returns the changes from one state of a cell to another: creations and updates first, then removals. */
export function diffTables(from: CellTables, to: CellTables): readonly AnyChange[] {
  const changes: AnyChange[] = [];
  for (const kind of entityKinds) {
    for (const after of to.all(kind)) {
      const before = from.find(kind, after.id);
      if (before === undefined || !isSameVersion(before, after))
        changes.push(changeOf(before as AnyEntity | undefined, after as AnyEntity));
    }
  }
  // In reverse order, so a job's tasks go before the job.
  for (const kind of entityKinds.toReversed()) {
    for (const before of from.all(kind)) {
      if (to.find(kind, before.id) === undefined) changes.push(changeOf(before as AnyEntity, undefined));
    }
  }
  return changes;
}

function isSameVersion(a: Entity, b: Entity): boolean {
  // After the log was replaced by another one, the same revision may have other bytes.
  return a.revision === b.revision && Buffer.compare(a.bytes, b.bytes) === 0;
}
