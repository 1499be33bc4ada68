import type { Entity, EntityKind } from '@berth/shared/model/cell/entity';

/** Tasks are asked for by their job. */
export type WholeKind = Exclude<EntityKind, 'task'>;

/** The state of a cell at one point in time. It does not change while a snapshot reads it. */
export interface PointInTime {
  all<K extends WholeKind>(kind: K): Iterable<Entity<K>>;
  find<K extends WholeKind>(kind: K, id: string): Entity<K> | undefined;
  tasksOf(jobId: string): readonly Entity<'task'>[];
}
