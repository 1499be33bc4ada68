import { byCreation } from '@berth/shared/model/cell/creation-order';
import type { Entity } from '@berth/shared/model/cell/entity';
import { decodeEntity } from '@berth/store/wire';
import type { JobWithTasks } from './core/job-with-tasks.js';

/**
 * Returns a job from the archive's fields `job`, `jobStatus`, and `task/ID` for each task; undefined if the
 * job is not among them.
 */
export function archivedJob(
  jobId: string,
  fields: ReadonlyMap<string, Uint8Array> | undefined,
): JobWithTasks | undefined {
  let job: Entity<'job'> | undefined;
  let status: Entity<'jobStatus'> | undefined;
  const tasks: Entity<'task'>[] = [];
  for (const [name, bytes] of fields ?? []) {
    const field = name.includes('/') ? name : `${name}/${jobId}`;
    const entity = decodeEntity({ field, revision: 0, bytes });
    if (entity?.kind === 'job') job = entity;
    else if (entity?.kind === 'jobStatus') status = entity;
    else if (entity?.kind === 'task') tasks.push(entity);
  }
  if (job === undefined) return undefined;
  return { job, ...(status === undefined ? {} : { status }), tasks: tasks.sort(byTaskCreation) };
}

/** Returns the archived tasks of a job. The job itself may still be live. */
export function archivedTask(
  taskId: string,
  fields: ReadonlyMap<string, Uint8Array> | undefined,
): Entity<'task'> | undefined {
  const field = `task/${taskId}`;
  const bytes = fields?.get(field);
  const entity = bytes === undefined ? undefined : decodeEntity({ field, revision: 0, bytes });
  return entity?.kind === 'task' ? entity : undefined;
}

function byTaskCreation(a: Entity<'task'>, b: Entity<'task'>): number {
  return byCreation(
    { id: a.id, createdAtMs: a.record.createdAtMs },
    { id: b.id, createdAtMs: b.record.createdAtMs },
  );
}
