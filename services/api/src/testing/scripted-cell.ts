import { ClusterRecord, JobRecord, JobStatusRecord, TaskRecord } from '@berth/shared/gen/berth/v1/store';
import { type DeepPartial, State } from '@berth/shared/gen/netflix/titus/titus_job_api';
import type { CellView } from '@berth/shared/model/cell/cell-view';
import type { CommitChanges } from '@berth/shared/model/cell/change';
import type { Entity, EntityKind, EntityRecords } from '@berth/shared/model/cell/entity';
import { taskIdOf } from '@berth/shared/model/task/task-id';
import { isTaskLive, isTerminal, moveTask, taskState, toRfc3339 } from '@berth/shared/model/task/task-state';
import type { Write } from '@berth/store';
import { CellTables } from '@berth/store/replica';
import { aServiceJob } from './fixtures.js';

/** A cell that moves commit by commit, as a replica would see it, without a store. */
export class ScriptedCell implements CellView {
  readonly #tables = new CellTables();
  revision = 0;

  commit(...writes: readonly Write[]): CommitChanges {
    this.revision += 1;
    const changes = this.#tables.commit(this.revision, writes);
    return {
      revision: this.revision,
      commitId: `c${this.revision}`,
      atMs: this.revision,
      actor: 'test',
      changes,
    };
  }

  find<K extends EntityKind>(kind: K, id: string): Entity<K> | undefined {
    return this.#tables.find(kind, id);
  }

  all<K extends EntityKind>(kind: K): Iterable<Entity<K>> {
    return this.#tables.all(kind);
  }

  count(kind: EntityKind): number {
    return this.#tables.count(kind);
  }

  tasksOf(jobId: string): readonly Entity<'task'>[] {
    return this.#tables.tasksOf(jobId);
  }
}

/** A write that puts a record, never removes one. */
interface Put<K extends EntityKind> {
  readonly kind: K;
  readonly id: string;
  readonly record: EntityRecords[K];
}

export function jobWrite(id: string, fields: Partial<JobRecord> = {}): Put<'job'> {
  const record = JobRecord.fromPartial({
    id,
    clusterId: 'default',
    descriptor: aServiceJob(),
    createdAtMs: 1,
    ...fields,
  });
  return { kind: 'job', id, record };
}

export function clusterWrite(id: string, fields: DeepPartial<ClusterRecord> = {}): Put<'cluster'> {
  const record = ClusterRecord.fromPartial({
    id,
    descriptor: { name: id, clusterSpec: { $case: 'batch', value: {} } },
    enabled: true,
    createdAtMs: 1,
    ...fields,
  });
  return { kind: 'cluster', id, record };
}

export function statusWrite(jobId: string, state: State, reason = ''): Put<'jobStatus'> {
  const finishedAtMs = isTerminal(state) ? 9 : 0;
  return {
    kind: 'jobStatus',
    id: jobId,
    record: JobStatusRecord.fromPartial({ jobId, state: { state, reason }, finishedAtMs }),
  };
}

/** A new task, QUEUED. */
export function taskWrite(id: string, fields: Partial<TaskRecord> = {}): Put<'task'> {
  const jobId = id.slice(0, id.indexOf('.'));
  const record = TaskRecord.fromPartial({
    jobId,
    createdAtMs: 1,
    task: {
      id,
      taskContext: { 'task.index': '0' },
      state: { state: State.QUEUED },
      stateChanges: [{ state: 'QUEUED', timestamp: toRfc3339(1) }],
    },
    ...fields,
  });
  return { kind: 'task', id, record };
}

/**
 * Returns a task of job `a` of 4 kB, so that few changes fill a subscriber's queue. Each count is another
 * change.
 */
export function wideTaskWrite(slot: number, count: number): Put<'task'> {
  const { kind, id, record } = taskWrite(`a.${slot}-0`, { slot });
  const taskContext = { count: String(count), pad: 'x'.repeat(4_000) };
  return { kind, id, record: { ...record, task: record.task && { ...record.task, taskContext } } };
}

/** The task in a later state. */
export function moveWrite(task: TaskRecord, to: State, code = isTerminal(to) ? 'normal' : ''): Put<'task'> {
  const record = moveTask(task, { to, code, atMs: 2 });
  if (record === undefined) throw new Error(`the task cannot move from ${taskState(task)} to ${to}`);
  return { kind: 'task', id: taskIdOf(task), record };
}

/** One random step. The numbers and the state of the cell decide the kind of the step. */
export interface Step {
  readonly act: 'create' | 'addTask' | 'move' | 'redefine' | 'kill' | 'touch' | 'finish' | 'remove';
  readonly job: number;
  readonly task: number;
}

const stepStates = [State.DISPATCHED, State.STARTING, State.RUNNING, State.FINISHED, State.FAILED];

/**
 * Returns the writes of one step; none if it does not apply. A job ends only with all of its tasks, as the
 * master does it.
 */
export function writesOf({ act, job, task }: Step, cell: CellView): readonly Write[] {
  const jobId = `job${job}`;
  const known = cell.find('job', jobId);
  const isLive =
    known !== undefined && !isTerminal(cell.find('jobStatus', jobId)?.record.state?.state ?? State.QUEUED);
  const tasks = cell.tasksOf(jobId).map(({ record }) => record);
  const chosen = tasks[task % Math.max(tasks.length, 1)];
  switch (act) {
    case 'create':
      return known === undefined && cell.find('jobStatus', jobId) === undefined ? [jobWrite(jobId)] : [];
    case 'addTask':
      return isLive ? [taskWrite(`${jobId}.${tasks.length}-0`, { slot: tasks.length })] : [];
    case 'move': {
      const next =
        chosen && isTaskLive(chosen)
          ? stepStates.find((state) => state > taskState(chosen) && state % 2 === task % 2)
          : undefined;
      return isLive && chosen && next !== undefined ? [moveWrite(chosen, next)] : [];
    }
    case 'redefine':
      return isLive
        ? [
            {
              kind: 'job',
              id: jobId,
              record: { ...known.record, descriptor: aServiceJob({ appName: `app${task}` }) },
            },
          ]
        : [];
    case 'kill':
      return isLive
        ? [{ kind: 'job', id: jobId, record: { ...known.record, kill: { atMs: 5, by: 'ada' } } }]
        : [];
    case 'touch':
      return chosen
        ? [{ kind: 'task', id: taskIdOf(chosen), record: { ...chosen, deadlineAtMs: cell.revision } }]
        : [];
    case 'finish': {
      if (!isLive) return [];
      const ends = tasks.filter(isTaskLive).map((live) => moveWrite(live, State.FINISHED, 'killed'));
      return [statusWrite(jobId, State.FINISHED, 'killed'), ...ends];
    }
    case 'remove': {
      if (known === undefined || isLive) return [];
      return [
        ...tasks.map((gone): Write => ({ kind: 'task', id: taskIdOf(gone) })),
        { kind: 'job', id: jobId },
      ];
    }
  }
}
