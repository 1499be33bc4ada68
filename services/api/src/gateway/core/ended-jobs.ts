import type { EndedRun } from '@berth/shared/gen/berth/v1/store';
import type { CellView } from '@berth/shared/model/cell/cell-view';
import type { Entity, EntityKind, EntityRecords } from '@berth/shared/model/cell/entity';
import { taskIdOf } from '@berth/shared/model/task/task-id';
import type { JobWithTasks } from './job-with-tasks.js';

/**
 * Returns the last jobs of the cluster that have left for the archive, oldest first. Each is cut down to the
 * way it ended: one task, and no container.
 */
export function endedJobs(view: CellView, clusterId: string): readonly JobWithTasks[] {
  const runs = view.find('clusterRuns', clusterId)?.record.runs ?? [];
  return runs.flatMap((run) => {
    const job = jobOf(run);
    // A store that was set back may show both.
    return job === undefined || view.find('job', job.job.id) !== undefined ? [] : [job];
  });
}

/** Returns such jobs of all clusters. */
export function allEndedJobs(view: CellView): readonly JobWithTasks[] {
  return [...view.all('clusterRuns')].flatMap(({ id }) => endedJobs(view, id));
}

function jobOf({ job, status, task }: EndedRun): JobWithTasks | undefined {
  if (job === undefined) return undefined;
  return {
    job: entityOf('job', job.id, job),
    ...(status === undefined ? {} : { status: entityOf('jobStatus', job.id, status) }),
    tasks: task === undefined ? [] : [entityOf('task', taskIdOf(task), task)],
  };
}

function entityOf<K extends EntityKind>(kind: K, id: string, record: EntityRecords[K]): Entity<K> {
  return { kind, id, revision: 0, record, bytes: new Uint8Array() };
}
