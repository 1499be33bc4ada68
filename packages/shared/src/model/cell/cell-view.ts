import type { Entity, EntityKind } from './entity.js';

/** The cell at one revision, as a replica holds it. Reads are from memory and never block. */
export interface CellView {
  readonly revision: number;
  find<K extends EntityKind>(kind: K, id: string): Entity<K> | undefined;
  /** Returns all entities of a kind, in the order of their creation. */
  all<K extends EntityKind>(kind: K): Iterable<Entity<K>>;
  count(kind: EntityKind): number;
  /** The job's tasks, in the order of their creation. */
  tasksOf(jobId: string): readonly Entity<'task'>[];
}
