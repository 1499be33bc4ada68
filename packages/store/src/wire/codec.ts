import {
  AgentDrainRecord,
  AgentRecord,
  AgentStatusRecord,
  ClusterRecord,
  ClusterStatusRecord,
  JobRecord,
  JobScalingRecord,
  JobStatusRecord,
  TaskRecord,
  TaskStopRecord,
} from '@berth/shared/gen/berth/v1/store';
import type { AnyEntity, EntityKind, EntityRecords } from '@berth/shared/model/cell/entity';
import { BerthError } from '@berth/shared/model/errors/errors';
import { BinaryWriter } from '@bufbuild/protobuf/wire';
import type { StoredEntity } from '../contract/store.js';
import { readTaskHead, StoredTask } from './stored-task.js';

interface RecordCodec<T> {
  encode(record: T, writer?: BinaryWriter): BinaryWriter;
  decode(bytes: Uint8Array): T;
}

const codecs: { readonly [K in EntityKind]: RecordCodec<EntityRecords[K]> } = {
  cluster: ClusterRecord,
  job: JobRecord,
  jobStatus: JobStatusRecord,
  task: TaskRecord,
  taskStop: TaskStopRecord,
  agent: AgentRecord,
  agentStatus: AgentStatusRecord,
  clusterStatus: ClusterStatusRecord,
  jobScaling: JobScalingRecord,
  agentDrain: AgentDrainRecord,
};

/** The name under which an entity is stored: `KIND/ID`. */
export function fieldOf(kind: EntityKind, id: string): string {
  return `${kind}/${id}`;
}

/** The kind and id of a field; undefined for a kind that this version does not know. */
export function parseField(field: string): { readonly kind: EntityKind; readonly id: string } | undefined {
  const slash = field.indexOf('/');
  const kind = field.slice(0, Math.max(slash, 0));
  return isEntityKind(kind) ? { kind, id: field.slice(slash + 1) } : undefined;
}

function isEntityKind(name: string): name is EntityKind {
  return Object.hasOwn(codecs, name);
}

// One writer serves all, since encoding is synchronous: a fresh one for each record costs half the speed.
let sharedWriter = new BinaryWriter();

/** The record's bytes as stored. Fails with BerthError `invalidArgument` for a record that is not complete. */
export function encodeRecord<K extends EntityKind>(kind: K, record: EntityRecords[K]): Uint8Array {
  const bytes = encodeMessage(codecs[kind], record, kind);
  // An empty value stands for a removal; a record that names its entity is never empty.
  if (bytes.length === 0)
    throw new BerthError('invalidArgument', `A ${kind} record without any field cannot be stored.`);
  return bytes;
}

/** The message's bytes, encoded with the shared writer; `what` names it in the error for an incomplete one. */
export function encodeMessage<T>(
  codec: { encode(message: T, writer: BinaryWriter): BinaryWriter },
  message: T,
  what: string,
): Uint8Array {
  try {
    return codec.encode(message, sharedWriter).finish();
  } catch (cause) {
    // What was written so far would precede the next message.
    sharedWriter = new BinaryWriter();
    throw new BerthError('invalidArgument', `A ${what} record is not complete and cannot be encoded.`, {
      cause,
    });
  }
}

/**
 * The entity; undefined for a kind that this version does not know. Throws where the bytes cannot be decoded. A task's
 * record is decoded when it is asked for.
 */
export function decodeEntity(stored: StoredEntity): AnyEntity | undefined {
  const name = parseField(stored.field);
  if (name === undefined) return undefined;
  const { kind, id } = name;
  const head = kind === 'task' ? readTaskHead(stored.bytes) : undefined;
  if (head !== undefined) return new StoredTask(id, stored.revision, { bytes: stored.bytes, head });
  const record = decodeRecord(kind, stored);
  return { kind, id, revision: stored.revision, record, bytes: stored.bytes } as AnyEntity;
}

function decodeRecord(kind: EntityKind, stored: StoredEntity): EntityRecords[EntityKind] {
  try {
    return codecs[kind].decode(stored.bytes);
  } catch (cause) {
    throw new BerthError(
      'internal',
      `The stored ${stored.field} of revision ${stored.revision} cannot be decoded.`,
      { cause },
    );
  }
}
