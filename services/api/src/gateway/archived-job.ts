import { byCreation } from '@berth/shared/model/cell/creation-order';
import type { Entity } from '@berth/shared/model/cell/entity';
import { archivedEntities, type Tuning } from '@berth/store';
import type { JobWithTasks } from './core/job-with-tasks.js';

/** Returns a job from the fields of its archive. Undefined if the job itself is not among them. */
export function archivedJob(
  jobId: string,
  fields: ReadonlyMap<string, Uint8Array> | undefined,
  tuning: Tuning = 'on',
): JobWithTasks | undefined {
  let job: Entity<'job'> | undefined;
  let status: Entity<'jobStatus'> | undefined;
  const tasks: Entity<'task'>[] = [];
  for (const entity of archivedEntities(jobId, fields, tuning)) {
    if (entity.kind === 'job') job = entity;
    else if (entity.kind === 'jobStatus') status = entity;
    else if (entity.kind === 'task') tasks.push(entity);
  }
  if (job === undefined) return undefined;
  return { job, ...(status === undefined ? {} : { status }), tasks: tasks.sort(byTaskCreation) };
}

function byTaskCreation(a: Entity<'task'>, b: Entity<'task'>): number {
  return byCreation(
    { id: a.id, createdAtMs: a.record.createdAtMs },
    { id: b.id, createdAtMs: b.record.createdAtMs },
  );
}
