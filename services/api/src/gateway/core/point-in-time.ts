import type { Entity, EntityKind } from '@berth/shared/model/cell/entity';

/** Tasks are asked for by their job. */
export type WholeKind = Exclude<EntityKind, 'task'>;

/** What a snapshot is made from: a cell at one moment, which does not change while it is read. */
export interface PointInTime {
  all<K extends WholeKind>(kind: K): Iterable<Entity<K>>;
  find<K extends WholeKind>(kind: K, id: string): Entity<K> | undefined;
  tasksOf(jobId: string): readonly Entity<'task'>[];
}
