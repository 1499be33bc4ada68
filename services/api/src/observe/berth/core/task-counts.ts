/*
 * The number of tasks for each combination of some of their properties, kept current commit by commit. A
 * commit costs a step for each task that it changes, and for each task of a job with a new definition or
 * status.
 */
import type { TaskRecord } from '@berth/shared/gen/berth/v1/store';
import type { CellView } from '@berth/shared/model/cell/cell-view';
import type { CommitChanges } from '@berth/shared/model/cell/change';
import type { Entity } from '@berth/shared/model/cell/entity';
import type { FieldViolation } from '@berth/shared/model/errors/errors';
import { stateName, taskState } from '@berth/shared/model/task/task-state';
import { findJobWithTasks } from '../../../gateway/core/job-with-tasks.js';
import { type JobFilter, matchesJobAlone, matchesTask } from '../../../queries/core/query.js';

/** One property by which tasks are counted. A property of the job is empty for tasks without a job. */
export type Dimension = (task: TaskRecord, job: Entity<'job'> | undefined) => string;

/** A number of tasks: of those that have these values, in the order of the dimensions. */
export interface TaskCount {
  readonly values: readonly string[];
  readonly tasks: number;
}

/** A number that a commit has changed. */
export interface ChangedCount extends TaskCount {
  /** Stands for the values. */
  readonly id: string;
  /** The number of tasks before the commit. */
  readonly before: number;
}

const maxDimensions = 8;
const labelPrefix = 'label:';

const plainDimensions: Readonly<Record<string, Dimension>> = {
  state: (task) => stateName(taskState(task)),
  appName: (_, job) => job?.record.descriptor?.appName ?? '',
  jobClusterId: (_, job) => job?.record.clusterId ?? '',
  jobId: ({ jobId }) => jobId,
  agentId: ({ agentId }) => agentId,
};

/** Returns the dimensions of these names, or all violations of them. */
export function parseDimensions(
  names: readonly string[],
): { readonly dimensions: readonly Dimension[] } | { readonly violations: readonly FieldViolation[] } {
  const violations: FieldViolation[] = [];
  const refuse = (index: number, description: string) =>
    violations.push({ field: `count_tasks_by[${index}]`, description });
  const dimensions = names.flatMap((name, index) => {
    const dimension = dimensionOf(name);
    if (names.indexOf(name) < index) refuse(index, `names ${JSON.stringify(name.slice(0, 60))} again`);
    if (dimension === undefined)
      refuse(index, `must be one of ${Object.keys(plainDimensions).join(', ')}, or label:KEY`);
    return dimension ?? [];
  });
  if (names.length > maxDimensions) refuse(maxDimensions, `there may be at most ${maxDimensions}`);
  return violations.length > 0 ? { violations } : { dimensions };
}

function dimensionOf(name: string): Dimension | undefined {
  if (Object.hasOwn(plainDimensions, name)) return plainDimensions[name];
  const key = name.startsWith(labelPrefix) ? name.slice(labelPrefix.length) : '';
  if (key === '') return undefined;
  return (_, job) => {
    const labels = job?.record.descriptor?.labels ?? {};
    return Object.hasOwn(labels, key) ? (labels[key] ?? '') : '';
  };
}

/** The properties and the filter of a count. */
interface Counted {
  readonly dimensions: readonly Dimension[];
  /** Undefined counts all tasks. */
  readonly filter: JobFilter | undefined;
}

interface Group {
  readonly id: string;
  readonly values: readonly string[];
  tasks: number;
}

export class TaskCounts {
  readonly #counted: Counted;
  readonly #groups = new Map<string, Group>();
  readonly #groupOfTask = new Map<string, Group>();

  constructor(counted: Counted) {
    this.#counted = counted;
  }

  /** All numbers but 0. */
  get all(): readonly TaskCount[] {
    return Array.from(this.#groups.values(), ({ values, tasks }) => ({ values, tasks }));
  }

  /** Counts these tasks as the view shows them. They may have been counted before. */
  count(taskIds: Iterable<string>, view: CellView): void {
    const touched = new Map<Group, number>();
    for (const id of taskIds) this.#place(id, view, touched);
    this.#forgetEmpty(touched);
  }

  /** Returns the counts that the commit changed. `view` is the cell just after the commit. */
  take(commit: CommitChanges, view: CellView): readonly ChangedCount[] {
    const before = new Map<Group, number>();
    for (const id of touchedTasks(commit, view)) this.#place(id, view, before);
    this.#forgetEmpty(before);
    const changed: ChangedCount[] = [];
    for (const [{ id, values, tasks }, then] of before)
      if (then !== tasks) changed.push({ id, values, tasks, before: then });
    return changed;
  }

  #place(taskId: string, view: CellView, before: Map<Group, number>): void {
    const from = this.#groupOfTask.get(taskId);
    const to = this.#groupOf(taskId, view);
    if (from === to) return;
    if (from !== undefined) this.#add(from, -1, before);
    if (to === undefined) {
      this.#groupOfTask.delete(taskId);
      return;
    }
    this.#groupOfTask.set(taskId, to);
    this.#add(to, 1, before);
  }

  #add(group: Group, by: 1 | -1, before: Map<Group, number>): void {
    if (!before.has(group)) before.set(group, group.tasks);
    group.tasks += by;
    this.#groups.set(group.id, group);
  }

  /** Called after all tasks were placed: one task may leave a group that another one enters. */
  #forgetEmpty(touched: ReadonlyMap<Group, number>): void {
    for (const { id, tasks } of touched.keys()) if (tasks === 0) this.#groups.delete(id);
  }

  #groupOf(taskId: string, view: CellView): Group | undefined {
    const { filter, dimensions } = this.#counted;
    const task = view.find('task', taskId)?.record;
    if (task === undefined) return undefined;
    if (filter !== undefined && !isCounted(filter, task, view)) return undefined;
    const job = view.find('job', task.jobId);
    const values = dimensions.map((dimension) => dimension(task, job));
    const id = values.length === 1 ? (values[0] ?? '') : JSON.stringify(values);
    return this.#groups.get(id) ?? { id, values, tasks: 0 };
  }
}

function isCounted(filter: JobFilter, task: TaskRecord, view: CellView): boolean {
  const job = findJobWithTasks(view, task.jobId);
  return job !== undefined && matchesJobAlone(filter, job) && matchesTask(filter, task);
}

/** Includes all tasks of a changed job, since the job's properties are part of their counts. */
function touchedTasks(commit: CommitChanges, view: CellView): ReadonlySet<string> {
  const ids = new Set<string>();
  for (const { kind, id } of commit.changes) {
    if (kind === 'task') ids.add(id);
    else if (kind === 'job' || kind === 'jobStatus') for (const task of view.tasksOf(id)) ids.add(task.id);
  }
  return ids;
}
