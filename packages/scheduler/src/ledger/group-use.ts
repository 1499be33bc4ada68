import type { Resources, TaskRecord } from '@berth/shared/gen/berth/v1/store';
import type { CellView } from '@berth/shared/model/cell/cell-view';
import { addResources, subtractResources, zeroResources } from '@berth/shared/model/resources/vector';
import { specOfJob } from '../filters/compile-spec.js';

interface GroupTask {
  readonly group: string;
  readonly resources: Resources;
}

/** The resources that the tasks of each capacity group hold. It follows the cell task by task. */
export class GroupUse {
  readonly #cell: CellView;
  readonly #tasks = new Map<string, GroupTask>();
  readonly #used = new Map<string, Resources>();

  constructor(cell: CellView) {
    this.#cell = cell;
  }

  /** By group. Groups without tasks may be absent. */
  get used(): ReadonlyMap<string, Resources> {
    return this.#used;
  }

  add({ task, jobId, stage, resources = zeroResources() }: TaskRecord): void {
    const id = task?.id ?? '';
    this.remove(id);
    const job = this.#cell.find('job', jobId)?.record;
    const group = job === undefined ? '' : specOfJob(job, stage).capacityGroup;
    this.#tasks.set(id, { group, resources });
    this.#used.set(group, addResources(this.#of(group), resources));
  }

  remove(taskId: string): void {
    const held = this.#tasks.get(taskId);
    if (held === undefined) return;
    this.#tasks.delete(taskId);
    this.#used.set(held.group, subtractResources(this.#of(held.group), held.resources));
  }

  #of(group: string): Resources {
    return this.#used.get(group) ?? zeroResources();
  }
}
