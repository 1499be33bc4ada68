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
import type { StoredEntity } from '../contract/log.js';
import type { Tuning } from '../contract/tuning.js';
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

/** Returns the name of a stored entity: `KIND/ID`. */
export function fieldOf(kind: EntityKind, id: string): string {
  return `${kind}/${id}`;
}

/** Returns the kind and the id in a field's name. Undefined for a kind that this version does not know. */
export function parseField(field: string): { readonly kind: EntityKind; readonly id: string } | undefined {
  const slash = field.indexOf('/');
  const kind = field.slice(0, Math.max(slash, 0));
  return isEntityKind(kind) ? { kind, id: field.slice(slash + 1) } : undefined;
}

function isEntityKind(name: string): name is EntityKind {
  return Object.hasOwn(codecs, name);
}

// One writer serves all, because encoding is synchronous. A new one for each record would halve the speed.
let sharedWriter = new BinaryWriter();

/**
 * Encodes the record as it is stored. Fails with BerthError `invalidArgument` for a record that is not
 * complete.
 */
export function encodeRecord<K extends EntityKind>(kind: K, record: EntityRecords[K]): Uint8Array {
  const bytes = encodeMessage(codecs[kind], record, kind);
  // An empty value stands for a removal; a record that names its entity is never empty.
  if (bytes.length === 0)
    throw new BerthError('invalidArgument', `A ${kind} record without any field cannot be stored.`);
  return bytes;
}

/** Encodes the message with the shared writer. `name` stands in the error for an incomplete message. */
export function encodeMessage<T>(
  codec: { encode(message: T, writer: BinaryWriter): BinaryWriter },
  message: T,
  name: string,
): Uint8Array {
  try {
    return codec.encode(message, sharedWriter).finish();
  } catch (cause) {
    // The half-written message would precede the next one.
    sharedWriter = new BinaryWriter();
    throw new BerthError('invalidArgument', `A ${name} record is not complete and cannot be encoded.`, {
      cause,
    });
  }
}

/** True if the stored task has run on the agent, at least for a moment. */
export function hasRunOn(bytes: Uint8Array, agentId: string): boolean {
  const task = TaskRecord.decode(bytes);
  return task.agentId === agentId && task.runningAtMs > 0;
}

/**
 * Decodes an entity. Undefined for a kind that this version does not know. Throws if the bytes cannot be
 * decoded. A task's record is decoded when it is first asked for, unless the tuning is off.
 */
export function decodeEntity(stored: StoredEntity, tuning: Tuning = 'on'): AnyEntity | undefined {
  const parsed = parseField(stored.field);
  if (parsed === undefined) return undefined;
  const { kind, id } = parsed;
  const head = kind === 'task' && tuning === 'on' ? readTaskHead(stored.bytes) : undefined;
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
