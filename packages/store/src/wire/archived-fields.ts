import type { AnyEntity, Entity } from '@berth/shared/model/cell/entity';
import type { Tuning } from '../contract/tuning.js';
import { decodeEntity, fieldOf } from './codec.js';

/** The fields of a job's archive, as `Archive.findArchived` returns them. */
type ArchivedFields = ReadonlyMap<string, Uint8Array> | undefined;

/** The archive does not keep revisions. */
const revision = 0;

/** Decodes the job, its status and its tasks; none if nothing is archived. */
export function archivedEntities(
  jobId: string,
  fields: ArchivedFields,
  tuning: Tuning = 'on',
): readonly AnyEntity[] {
  return [...(fields ?? [])].flatMap(([name, bytes]) => {
    const field = name.includes('/') ? name : `${name}/${jobId}`;
    return decodeEntity({ field, revision, bytes }, tuning) ?? [];
  });
}

/** Returns the field of a task in the archive of its job. */
export function archivedTaskField(taskId: string): string {
  return fieldOf('task', taskId);
}

/** Decodes one archived task from its field. Undefined if it is not archived. */
export function archivedTask(
  taskId: string,
  bytes: Uint8Array | undefined,
  tuning: Tuning = 'on',
): Entity<'task'> | undefined {
  const field = archivedTaskField(taskId);
  const entity = bytes === undefined ? undefined : decodeEntity({ field, revision, bytes }, tuning);
  return entity?.kind === 'task' ? entity : undefined;
}
