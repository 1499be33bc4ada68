/*
 * The changes for subscribers of the whole cell: each stored record that changed, in its new state, in the
 * order of the commits. If subscribers select a part of the cell, an entity that begins to match comes as a
 * change, and an entity that stops matching comes as removed.
 */
import type { CellView } from '@berth/shared/model/cell/cell-view';
import type { AnyChange, Change, CommitChanges } from '@berth/shared/model/cell/change';
import type { AnyEntity, Entity, EntityKind } from '@berth/shared/model/cell/entity';
import { headOf, jobIdOf } from '@berth/shared/model/cell/task-head';
import { findJobWithTasks, type JobWithTasks } from '../../../gateway/core/job-with-tasks.js';
import type { PointInTime, WholeKind } from '../../../gateway/core/point-in-time.js';
import { type JobFilter, matchesJobAlone, matchesTask } from '../../../queries/core/query.js';
import { isPublicChange } from '../../titus/core/job-notifications.js';

/** The kinds of entities that subscribers get. */
export const observedKinds = [
  'cluster',
  'clusterStatus',
  'job',
  'jobStatus',
  'jobScaling',
  'task',
  'agent',
  'agentStatus',
  'agentDrain',
] as const;

/** Those that stand alone; all others belong to a job. */
const ownKinds = ['cluster', 'clusterStatus', 'agent', 'agentStatus', 'agentDrain'] as const;
export type ObservedKind = (typeof observedKinds)[number];

/** The identity and the time of a commit, without its changes. */
export type CommitHeader = Pick<CommitChanges, 'revision' | 'commitId' | 'atMs'>;

/**
 * Returns the header alone. Changes that wait for a slow subscriber must not keep the whole commit alive.
 */
export function headerOf({ revision, commitId, atMs }: CommitHeader): CommitHeader {
  return { revision, commitId, atMs };
}

/** An entity after a commit. Its `entity` is undefined if it was removed, or no longer matches. */
export interface EntityChange {
  readonly kind: ObservedKind;
  readonly id: string;
  readonly entity: AnyEntity | undefined;
  readonly commit: CommitHeader;
  /**
   * True if earlier changes of other entities may still follow. The commit is then no position to resume
   * at.
   */
  readonly isOutOfOrder?: boolean;
}

/** The part of the cell that a subscriber gets. */
export interface CellSelection {
  readonly kinds: ReadonlySet<ObservedKind>;
  /** Undefined selects all jobs and tasks. */
  readonly filter: JobFilter | undefined;
}

export function isObserved(kind: EntityKind): kind is ObservedKind {
  return kind !== 'taskStop' && kind !== 'clusterRuns';
}

/** Returns the selected changes of a commit. `view` is the cell just after the commit. */
export function changesOf(
  commit: CommitChanges,
  view: CellView,
  selection: CellSelection,
): readonly EntityChange[] {
  const { filter, kinds } = selection;
  const changes = filter === undefined ? allChanges(commit) : selectedChanges(commit, view, filter);
  return kinds.size === observedKinds.length ? changes : changes.filter(({ kind }) => kinds.has(kind));
}

/** Returns the kinds that a snapshot reads whole. Jobs bring their other entities with them. */
export function snapshotKinds({ kinds }: CellSelection): readonly WholeKind[] {
  return [...ownKinds.filter((kind) => kinds.has(kind)), 'job'];
}

/**
 * Yields all selected entities. Each is looked up on demand. The entities of a job come together, the job
 * first.
 */
export function* selectedEntities(view: PointInTime, { kinds, filter }: CellSelection): Generator<AnyEntity> {
  for (const kind of ownKinds) if (kinds.has(kind)) yield* view.all(kind) as Iterable<AnyEntity>;
  for (const { id } of view.all('job')) {
    const job = findJobWithTasks(view, id);
    if (job === undefined || (filter !== undefined && !matchesJobAlone(filter, job))) continue;
    if (kinds.has('job')) yield job.job;
    if (kinds.has('jobStatus') && job.status !== undefined) yield job.status;
    const scaling = kinds.has('jobScaling') ? view.find('jobScaling', id) : undefined;
    if (scaling !== undefined) yield scaling;
    if (!kinds.has('task')) continue;
    for (const task of job.tasks) if (filter === undefined || matchesTask(filter, task.record)) yield task;
  }
}

/** Returns the present state of these entities as changes, for a subscriber that knows an earlier state. */
export function presentChanges(
  touched: Iterable<{ readonly kind: ObservedKind; readonly id: string }>,
  view: CellView,
  { selection, commit }: { readonly selection: CellSelection; readonly commit: CommitHeader },
): readonly EntityChange[] {
  const changes = new Map<string, EntityChange>();
  const add = (kind: ObservedKind, id: string) => {
    if (!selection.kinds.has(kind)) return;
    const entity = view.find(kind, id) as AnyEntity | undefined;
    const isSeen = entity !== undefined && isSelected(entity, view, selection.filter);
    changes.set(`${kind}/${id}`, { kind, id, entity: isSeen ? entity : undefined, commit });
  };
  for (const { kind, id } of touched) {
    add(kind, id);
    if ((kind !== 'job' && kind !== 'jobStatus') || selection.filter === undefined) continue;
    // The job may have begun or ceased to match, and all of it with it.
    add('job', id);
    add('jobStatus', id);
    add('jobScaling', id);
    for (const task of view.tasksOf(id)) add('task', task.id);
  }
  return [...changes.values()];
}

function isSelected(entity: AnyEntity, view: CellView, filter: JobFilter | undefined): boolean {
  if (filter === undefined) return true;
  switch (entity.kind) {
    case 'job':
    case 'jobStatus':
    case 'jobScaling':
      return matchesJobView(filter, findJobWithTasks(view, entity.id));
    case 'task':
      return (
        matchesJobView(filter, findJobWithTasks(view, jobIdOf(entity))) && matchesTask(filter, entity.record)
      );
    default:
      return true;
  }
}

function allChanges(commit: CommitChanges): readonly EntityChange[] {
  const changes: EntityChange[] = [];
  const header = headerOf(commit);
  for (const change of commit.changes) {
    const { kind, id } = change;
    if (isObserved(kind) && isRelevant(change))
      changes.push({ kind, id, entity: change.after, commit: header });
  }
  return changes;
}

/**
 * True if subscribers get the change. They get no stop requests, and no changes of a task's internal
 * fields.
 */
export function isRelevant(change: AnyChange): boolean {
  if (!isObserved(change.kind)) return false;
  return change.kind !== 'task' || change.after === undefined || isPublicChange(change);
}

/** True before or after a commit if the entity exists and matches the filter. */
interface Visibility {
  readonly before: boolean;
  readonly after: boolean;
}

function selectedChanges(commit: CommitChanges, view: CellView, filter: JobFilter): readonly EntityChange[] {
  const visibilities = new Map<string, Visibility>();
  const changes: EntityChange[] = [];
  const header = headerOf(commit);
  const add = (kind: ObservedKind, id: string, entity: AnyEntity | undefined) =>
    changes.push({ kind, id, entity, commit: header });
  for (const jobId of jobsIn(commit)) {
    const job = visibilityOf(jobId, commit, view, filter);
    visibilities.set(jobId, job);
    if (job.before === job.after) continue;
    for (const { kind, id, entity } of partsOf(jobId, commit, view)) {
      const isOut = entity?.kind === 'task' && !matchesTask(filter, entity.record);
      if (job.after && entity !== undefined && !isOut) add(kind, id, entity);
      else if (job.before) add(kind, id, undefined);
    }
  }
  for (const change of commit.changes) {
    const seen = seenBy(
      change,
      filter,
      (jobId) => visibilities.get(jobId) ?? unchangedVisibility(jobId, view, filter),
    );
    if (seen === undefined || !isObserved(change.kind)) continue;
    if (seen.after && (!seen.before || isRelevant(change))) add(change.kind, change.id, change.after);
    else if (seen.before && !seen.after) add(change.kind, change.id, undefined);
  }
  return changes;
}

/**
 * Returns the entity's matches before and after the change. Undefined if all entities of its job are sent
 * anyway.
 */
function seenBy(
  change: AnyChange,
  filter: JobFilter,
  jobVisibility: (jobId: string) => Visibility,
): Visibility | undefined {
  const present = { before: change.before !== undefined, after: change.after !== undefined };
  switch (change.kind) {
    case 'job':
    case 'jobStatus':
    case 'jobScaling': {
      const job = jobVisibility(change.id);
      if (job.before !== job.after) return undefined;
      return job.after ? present : { before: false, after: false };
    }
    case 'task': {
      const known = change.after ?? change.before;
      const job = jobVisibility(known === undefined ? '' : jobIdOf(known));
      if (job.before !== job.after) return undefined;
      const matches = (task: Entity<'task'> | undefined) =>
        task !== undefined && job.after && matchesTask(filter, task.record);
      return { before: matches(change.before), after: matches(change.after) };
    }
    default:
      return present;
  }
}

function jobsIn(commit: CommitChanges): ReadonlySet<string> {
  const ids = commit.changes.flatMap(({ kind, id }) => (kind === 'job' || kind === 'jobStatus' ? [id] : []));
  return new Set(ids);
}

function unchangedVisibility(jobId: string, view: CellView, filter: JobFilter): Visibility {
  const after = matchesJobView(filter, findJobWithTasks(view, jobId));
  return { before: after, after };
}

function visibilityOf(
  jobId: string,
  { changes }: CommitChanges,
  view: CellView,
  filter: JobFilter,
): Visibility {
  const ofJob = changes.find(
    (change): change is Change<'job'> => change.kind === 'job' && change.id === jobId,
  );
  const ofStatus = changes.find(
    (change): change is Change<'jobStatus'> => change.kind === 'jobStatus' && change.id === jobId,
  );
  const job = ofJob === undefined ? view.find('job', jobId) : ofJob.before;
  const status = ofStatus === undefined ? view.find('jobStatus', jobId) : ofStatus.before;
  const before = job === undefined ? undefined : { job, ...(status && { status }), tasks: [] };
  return {
    before: matchesJobView(filter, before),
    after: matchesJobView(filter, findJobWithTasks(view, jobId)),
  };
}

/** Returns the present entities of the job, and those that this commit removed, without their state. */
function partsOf(
  jobId: string,
  { changes }: CommitChanges,
  view: CellView,
): readonly Omit<EntityChange, 'commit'>[] {
  const removed = changes.flatMap((change) => {
    const isPart =
      change.kind === 'task'
        ? change.before !== undefined && headOf(change.before).jobId === jobId
        : isJobPart(change) && change.id === jobId;
    return isPart && change.after === undefined && isObserved(change.kind)
      ? [{ kind: change.kind, id: change.id, entity: undefined }]
      : [];
  });
  const ofJob = (['job', 'jobStatus', 'jobScaling'] as const).map((kind) => view.find(kind, jobId));
  const present = [...ofJob, ...view.tasksOf(jobId)];
  return [
    ...present.flatMap((entity) => (entity === undefined ? [] : [partOf(entity as AnyEntity)])),
    ...removed,
  ];
}

function partOf(entity: AnyEntity): Omit<EntityChange, 'commit'> {
  if (!isObserved(entity.kind)) throw new TypeError(`${entity.kind} is not observed`);
  return { kind: entity.kind, id: entity.id, entity };
}

function isJobPart({ kind }: AnyChange): boolean {
  return kind === 'job' || kind === 'jobStatus' || kind === 'jobScaling';
}

function matchesJobView(filter: JobFilter, job: JobWithTasks | undefined): boolean {
  return job !== undefined && matchesJobAlone(filter, job);
}
