import type { JobRecord } from '@berth/shared/gen/berth/v1/store';
import type { CellView } from '@berth/shared/model/cell/cell-view';
import type { Entity } from '@berth/shared/model/cell/entity';
import { jobKind } from '@berth/shared/model/job/job';
import { batchSlotFate } from '@berth/shared/model/job/slot-fate';
import { isTaskLive } from '@berth/shared/model/task/task-state';

/**
 * Finds the task to which the kill of one task applies. The master may put another attempt in the place of a
 * batch task while the call is under way. The kill then applies to that attempt, because it ends the slot.
 */
export class KillTarget {
  readonly #id: string;
  #wasOpen = false;

  constructor(id: string) {
    this.#id = id;
  }

  /** Returns the task; undefined if there is nothing left to kill. */
  find(view: CellView, { descriptor }: JobRecord): Entity<'task'> | undefined {
    const task = view.find('task', this.#id);
    const isBatch = descriptor !== undefined && jobKind(descriptor) === 'batch';
    const isOpen = ({ record }: Entity<'task'>) =>
      isTaskLive(record) || (isBatch && !record.replaced && batchSlotFate(descriptor, record) === 'retry');
    if (task === undefined) return undefined;
    if (isOpen(task)) {
      this.#wasOpen = true;
      return task;
    }
    if (!isBatch || !this.#wasOpen || !task.record.replaced) return undefined;
    const { jobId, slot } = task.record;
    const newest = view
      .tasksOf(jobId)
      .filter(({ record }) => record.slot === slot)
      .reduce((a, b) => (b.record.attempt > a.record.attempt ? b : a), task);
    return isOpen(newest) ? newest : undefined;
  }
}
