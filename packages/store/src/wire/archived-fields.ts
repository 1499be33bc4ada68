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

/** Decodes one task alone. Undefined if it is not archived. */
export function archivedTask(
  taskId: string,
  fields: ArchivedFields,
  tuning: Tuning = 'on',
): Entity<'task'> | undefined {
  const field = fieldOf('task', taskId);
  const bytes = fields?.get(field);
  const entity = bytes === undefined ? undefined : decodeEntity({ field, revision, bytes }, tuning);
  return entity?.kind === 'task' ? entity : undefined;
}
