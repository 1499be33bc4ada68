import { byCreation, type Created } from '@berth/shared/model/cell/creation-order';
import type { Entity } from '@berth/shared/model/cell/entity';

/** A task in the list of its job. */
export interface ListedTask extends Created {
  readonly entity: Entity<'task'>;
}

/**
 * A reader of one page of a job's tasks usually reads more. The list stays the same until one of the tasks
 * changes.
 */
const listed = new WeakMap<readonly Entity<'task'>[], readonly ListedTask[]>();

/** Returns the tasks of a job in the order of creation. */
export function creationOrder(tasks: readonly Entity<'task'>[]): readonly ListedTask[] {
  const known = listed.get(tasks);
  if (known !== undefined) return known;
  const sorted = tasks
    .map((entity) => ({ id: entity.id, createdAtMs: entity.record.createdAtMs, entity }))
    .sort(byCreation);
  listed.set(tasks, sorted);
  return sorted;
}
