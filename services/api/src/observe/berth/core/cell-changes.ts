/*
 * What subscribers of the whole cell are told: each stored record that changed, as it now is, in the order of the commits.
 * Where they ask for a part of the cell, what begins to match comes as a change, what stops matching as removed.
 */
import type { CellView } from '@berth/shared/model/cell/cell-view';
import type { AnyChange, Change, CommitChanges } from '@berth/shared/model/cell/change';
import type { AnyEntity, Entity, EntityKind } from '@berth/shared/model/cell/entity';
import { headOf, jobIdOf } from '@berth/shared/model/cell/task-head';
import { findJobWithTasks, type JobWithTasks } from '../../../gateway/core/job-with-tasks.js';
import type { PointInTime, WholeKind } from '../../../gateway/core/point-in-time.js';
import { type JobFilter, matchesJobAlone, matchesTask } from '../../../queries/core/query.js';
import { isPublicChange } from '../../titus/core/job-notifications.js';

/** The kinds that are told. */
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

/** A commit, without what it changed. */
export type CommitHeader = Pick<CommitChanges, 'revision' | 'commitId' | 'atMs'>;

/** Which commit it is, and nothing else: what waits for a slow subscriber must not hold on to all that a commit changed. */
export function headerOf({ revision, commitId, atMs }: CommitHeader): CommitHeader {
  return { revision, commitId, atMs };
}

/** An entity as a commit has left it; undefined where it is gone, or out of sight. */
export interface EntityChange {
  readonly kind: ObservedKind;
  readonly id: string;
  readonly entity: AnyEntity | undefined;
  readonly commit: CommitHeader;
  /** Earlier changes of others may still follow: having been told this does not mean having been told all before it. */
  readonly isOutOfOrder?: boolean;
}

/** What part of the cell is told. */
export interface CellSelection {
  readonly kinds: ReadonlySet<ObservedKind>;
  /** Undefined selects all jobs and tasks. */
  readonly filter: JobFilter | undefined;
}

export function isObserved(kind: EntityKind): kind is ObservedKind {
  return kind !== 'taskStop';
}

/** What is told of a commit. `view` is the cell as the commit has left it. */
export function changesOf(
  commit: CommitChanges,
  view: CellView,
  selection: CellSelection,
): readonly EntityChange[] {
  const { filter, kinds } = selection;
  const told = filter === undefined ? plainNews(commit) : selectedNews(commit, view, filter);
  return kinds.size === observedKinds.length ? told : told.filter(({ kind }) => kinds.has(kind));
}

/** Those of which a snapshot needs all: jobs bring what belongs to them. */
export function snapshotKinds({ kinds }: CellSelection): readonly WholeKind[] {
  return [...ownKinds.filter((kind) => kinds.has(kind)), 'job'];
}

/** All that is selected of the cell, looked up as it is taken: what belongs to a job together, the job first. */
export function* selectedEntities(
  moment: PointInTime,
  { kinds, filter }: CellSelection,
): Generator<AnyEntity> {
  for (const kind of ownKinds) if (kinds.has(kind)) yield* moment.all(kind) as Iterable<AnyEntity>;
  for (const { id } of moment.all('job')) {
    const view = findJobWithTasks(moment, id);
    if (view === undefined || (filter !== undefined && !matchesJobAlone(filter, view))) continue;
    if (kinds.has('job')) yield view.job;
    if (kinds.has('jobStatus') && view.status !== undefined) yield view.status;
    const scaling = kinds.has('jobScaling') ? moment.find('jobScaling', id) : undefined;
    if (scaling !== undefined) yield scaling;
    if (!kinds.has('task')) continue;
    for (const task of view.tasks) if (filter === undefined || matchesTask(filter, task.record)) yield task;
  }
}

/** What is selected of these entities as they now are, to bring a subscriber up to date who knew an earlier state. */
export function presentChanges(
  touched: Iterable<{ readonly kind: ObservedKind; readonly id: string }>,
  view: CellView,
  { selection, commit }: { readonly selection: CellSelection; readonly commit: CommitHeader },
): readonly EntityChange[] {
  const news = new Map<string, EntityChange>();
  const tell = (kind: ObservedKind, id: string) => {
    if (!selection.kinds.has(kind)) return;
    const entity = view.find(kind, id) as AnyEntity | undefined;
    const isSeen = entity !== undefined && isSelected(entity, view, selection.filter);
    news.set(`${kind}/${id}`, { kind, id, entity: isSeen ? entity : undefined, commit });
  };
  for (const { kind, id } of touched) {
    tell(kind, id);
    if ((kind !== 'job' && kind !== 'jobStatus') || selection.filter === undefined) continue;
    // The job may have begun or ceased to match, and all of it with it.
    tell('job', id);
    tell('jobStatus', id);
    tell('jobScaling', id);
    for (const task of view.tasksOf(id)) tell('task', task.id);
  }
  return [...news.values()];
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

function plainNews(commit: CommitChanges): readonly EntityChange[] {
  const told: EntityChange[] = [];
  const mark = headerOf(commit);
  for (const change of commit.changes) {
    const { kind, id } = change;
    if (isObserved(kind) && isRelevant(change)) told.push({ kind, id, entity: change.after, commit: mark });
  }
  return told;
}

/** Whether subscribers are told: much of a task's record is the master's own affair, and a wish to stop it is nobody's news. */
export function isRelevant(change: AnyChange): boolean {
  if (!isObserved(change.kind)) return false;
  return change.kind !== 'task' || change.after === undefined || isPublicChange(change);
}

/** A job that the commit has touched, as it was and as it is, and whether it matched and matches. */
interface JobTurn {
  readonly did: boolean;
  readonly does: boolean;
}

function selectedNews(commit: CommitChanges, view: CellView, filter: JobFilter): readonly EntityChange[] {
  const turns = new Map<string, JobTurn>();
  const told: EntityChange[] = [];
  const mark = headerOf(commit);
  const tell = (kind: ObservedKind, id: string, entity: AnyEntity | undefined) =>
    told.push({ kind, id, entity, commit: mark });
  for (const jobId of jobsIn(commit)) {
    const turn = turnOf(jobId, commit, view, filter);
    turns.set(jobId, turn);
    if (turn.did === turn.does) continue;
    for (const { kind, id, entity } of partsOf(jobId, commit, view)) {
      const isOut = entity?.kind === 'task' && !matchesTask(filter, entity.record);
      if (turn.does && entity !== undefined && !isOut) tell(kind, id, entity);
      else if (turn.did) tell(kind, id, undefined);
    }
  }
  for (const change of commit.changes) {
    const seen = seenBy(change, filter, (jobId) => turns.get(jobId) ?? standing(jobId, view, filter));
    if (seen === undefined || !isObserved(change.kind)) continue;
    if (seen.does && (!seen.did || isRelevant(change))) tell(change.kind, change.id, change.after);
    else if (seen.did && !seen.does) tell(change.kind, change.id, undefined);
  }
  return told;
}

/** Whether the entity was seen before the change and is seen after it; undefined where its job's turn tells all. */
function seenBy(
  change: AnyChange,
  filter: JobFilter,
  jobTurn: (jobId: string) => JobTurn,
): JobTurn | undefined {
  const present = { did: change.before !== undefined, does: change.after !== undefined };
  switch (change.kind) {
    case 'job':
    case 'jobStatus':
    case 'jobScaling': {
      const turn = jobTurn(change.id);
      if (turn.did !== turn.does) return undefined;
      return turn.does ? present : { did: false, does: false };
    }
    case 'task': {
      const known = change.after ?? change.before;
      const turn = jobTurn(known === undefined ? '' : jobIdOf(known));
      if (turn.did !== turn.does) return undefined;
      const matches = (task: Entity<'task'> | undefined) =>
        task !== undefined && turn.does && matchesTask(filter, task.record);
      return { did: matches(change.before), does: matches(change.after) };
    }
    default:
      return present;
  }
}

function jobsIn(commit: CommitChanges): ReadonlySet<string> {
  const ids = commit.changes.flatMap(({ kind, id }) => (kind === 'job' || kind === 'jobStatus' ? [id] : []));
  return new Set(ids);
}

function standing(jobId: string, view: CellView, filter: JobFilter): JobTurn {
  const does = matchesJobView(filter, findJobWithTasks(view, jobId));
  return { did: does, does };
}

function turnOf(jobId: string, { changes }: CommitChanges, view: CellView, filter: JobFilter): JobTurn {
  const ofJob = changes.find(
    (change): change is Change<'job'> => change.kind === 'job' && change.id === jobId,
  );
  const ofStatus = changes.find(
    (change): change is Change<'jobStatus'> => change.kind === 'jobStatus' && change.id === jobId,
  );
  const job = ofJob === undefined ? view.find('job', jobId) : ofJob.before;
  const status = ofStatus === undefined ? view.find('jobStatus', jobId) : ofStatus.before;
  const before = job === undefined ? undefined : { job, ...(status && { status }), tasks: [] };
  return { did: matchesJobView(filter, before), does: matchesJobView(filter, findJobWithTasks(view, jobId)) };
}

/** The job, its status and its tasks as they now are; those that this commit has removed without their entity. */
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
