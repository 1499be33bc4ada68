import { ObserveResponse, type ObserveResponse_Change } from '@berth/shared/gen/berth/v1/observe_service';
import { Task } from '@berth/shared/gen/netflix/titus/titus_job_api';
import type { ChangeEncoder, ObservableEntity } from './change-encoder.js';
import { encoded } from './pending-message.js';

type ChangeValue = NonNullable<ObserveResponse_Change['change']>;

/** A change as an object, and the size of the record that it came from. */
interface PlainChange {
  readonly change: ChangeValue;
  readonly byteLength: number;
}

/** Encodes the decoded records with the generated code. */
export const plainChanges: ChangeEncoder<PlainChange> = {
  whole: (entity) => ({ change: changeValueOf(entity), byteLength: entity.bytes.length }),
  fieldsOf: () => undefined,
  projectedTask: (value) => ({
    change: { $case: 'task', value },
    byteLength: Task.encode(value).finish().length,
  }),
  projectedJob: (value) => ({ change: { $case: 'job', value }, byteLength: 0 }),
  removed: (kind, id) => ({ change: { $case: 'removed', value: { kind, id } }, byteLength: id.length }),
  byteLength: ({ byteLength }) => byteLength,
  snapshot: (changes) =>
    encoded(encode({ $case: 'snapshot', value: { entities: changes.map(({ change }) => ({ change })) } })),
  commits: (parts) =>
    encode({
      $case: 'commits',
      value: {
        commits: parts.map(({ commit: { revision, commitId, atMs }, isIncomplete, changes }) => ({
          revision,
          commitId,
          atMs,
          incomplete: isIncomplete,
          changes: changes.map(({ change }) => ({ change })),
        })),
      },
    }),
};

function changeValueOf(entity: ObservableEntity): ChangeValue {
  if (entity.kind === 'task') return { $case: 'task', value: entity.record.task ?? Task.fromPartial({}) };
  return { $case: entity.kind, value: entity.record } as ChangeValue;
}

function encode(response: NonNullable<ObserveResponse['response']>): Buffer {
  return Buffer.from(ObserveResponse.encode({ response }).finish());
}
