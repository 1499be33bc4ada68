import type { AnyChange } from '@berth/shared/model/cell/change';
import type { AnyEntity, Entity, EntityKind } from '@berth/shared/model/cell/entity';
import { jobIdOf } from '@berth/shared/model/cell/task-head';
import type { PointInTime, WholeKind } from '../core/point-in-time.js';
import type { ChangingView } from './changing-view.js';

/** Keeps point-in-time views of a cell while snapshots of them are sent. */
export class PointInTimeViews {
  readonly #view: ChangingView;
  readonly #open = new Set<PointInTimeView>();
  readonly #close: () => void;

  /** Must subscribe to commits before every other subscriber that reads the views. */
  constructor(view: ChangingView) {
    this.#view = view;
    const subscription = view.changes$.subscribe(({ changes }) => {
      if (this.#open.size === 0) return;
      for (const past of this.#open) for (const change of changes) past.keep(change);
    });
    this.#close = () => subscription.unsubscribe();
  }

  /**
   * Returns the cell as it is now, with all entities of these kinds. The caller must release it with
   * `close`.
   */
  take(kinds: readonly WholeKind[]): PointInTimeView {
    const past = new PointInTimeView(this.#view, { kinds, onClose: () => this.#open.delete(past) });
    this.#open.add(past);
    return past;
  }

  /** The number of views that are not closed. */
  get open(): number {
    return this.#open.size;
  }

  close(): void {
    this.#close();
    for (const past of [...this.#open]) past.close();
  }
}

/**
 * The cell at the time of the constructor's call. It keeps the earlier state of each entity that changes
 * later. Making one costs nothing for tasks, and a pointer for each entity of the given kinds. Keeping one
 * costs a pointer for each entity that changes.
 */
class PointInTimeView implements PointInTime {
  readonly #view: ChangingView;
  readonly #onClose: () => void;
  readonly #all = new Map<EntityKind, readonly AnyEntity[]>();
  /** The states of entities before their first change. Undefined for entities that did not exist then. */
  readonly #before = new Map<string, AnyEntity | undefined>();
  readonly #tasksBefore = new Map<string, Map<string, Entity<'task'> | undefined>>();

  constructor(
    view: ChangingView,
    { kinds, onClose }: { readonly kinds: readonly WholeKind[]; readonly onClose: () => void },
  ) {
    this.#view = view;
    this.#onClose = onClose;
    for (const kind of kinds) this.#all.set(kind, [...view.all(kind)] as AnyEntity[]);
  }

  all<K extends WholeKind>(kind: K): readonly Entity<K>[] {
    const all = this.#all.get(kind);
    if (all === undefined) throw new TypeError(`nothing was kept of all of kind ${kind}`);
    return all as unknown as readonly Entity<K>[];
  }

  find<K extends WholeKind>(kind: K, id: string): Entity<K> | undefined {
    const key = `${kind}/${id}`;
    if (!this.#before.has(key)) return this.#view.find(kind, id);
    return this.#before.get(key) as Entity<K> | undefined;
  }

  tasksOf(jobId: string): readonly Entity<'task'>[] {
    const now = this.#view.tasksOf(jobId);
    const before = this.#tasksBefore.get(jobId);
    if (before === undefined) return now;
    const present = new Set<string>();
    const then = now.flatMap((task) => {
      present.add(task.id);
      return before.has(task.id) ? (before.get(task.id) ?? []) : task;
    });
    for (const [id, task] of before) if (task !== undefined && !present.has(id)) then.push(task);
    return then;
  }

  close(): void {
    this.#onClose();
    this.#before.clear();
    this.#tasksBefore.clear();
    this.#all.clear();
  }

  /** Keeps the state before the change. It must be called before anybody reads the changed entity. */
  keep(change: AnyChange): void {
    if (change.kind === 'task') {
      const task = change.before ?? change.after;
      if (task !== undefined) this.#keepTask(jobIdOf(task), change.id, change.before);
      return;
    }
    const key = `${change.kind}/${change.id}`;
    if (!this.#before.has(key)) this.#before.set(key, change.before);
  }

  #keepTask(jobId: string, id: string, before: Entity<'task'> | undefined): void {
    const ofJob = this.#tasksBefore.get(jobId) ?? new Map<string, Entity<'task'> | undefined>();
    this.#tasksBefore.set(jobId, ofJob);
    if (!ofJob.has(id)) ofJob.set(id, before);
  }
}
