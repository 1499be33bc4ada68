import {
  AgentDrainRecord,
  AgentRecord,
  AgentStatusRecord,
  ClusterRecord,
  ClusterRunsRecord,
  ClusterStatusRecord,
  JobRecord,
  JobScalingRecord,
  JobStatusRecord,
  TaskRecord,
  TaskStopRecord,
} from '@berth/shared/gen/berth/v1/store';
import type { AnyEntity, EntityKind, EntityRecords } from '@berth/shared/model/cell/entity';
import { BerthError } from '@berth/shared/model/errors/errors';
import type { BinaryWriter } from '@bufbuild/protobuf/wire';
import type { StoredEntity } from '../contract/log.js';
import type { Tuning } from '../contract/tuning.js';
import { encodeMessage } from './shared-writer.js';
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
  clusterRuns: ClusterRunsRecord,
  jobScaling: JobScalingRecord,
  agentDrain: AgentDrainRecord,
};

/** Returns the name of a stored entity: `KIND/ID`. */
export function fieldOf(kind: EntityKind, id: string): string {
  return `${kind}/${id}`;
}

/** The name of an entity. */
export interface EntityName {
  readonly kind: EntityKind;
  readonly id: string;
}

/** Returns the kind and the id in a field's name. Undefined for a kind that this version does not know. */
export function parseField(field: string): EntityName | undefined {
  const slash = field.indexOf('/');
  const kind = field.slice(0, Math.max(slash, 0));
  return isEntityKind(kind) ? { kind, id: field.slice(slash + 1) } : undefined;
}

function isEntityKind(name: string): name is EntityKind {
  return Object.hasOwn(codecs, name);
}

/**
 * Encodes the record as it is stored. Fails with BerthError `invalidArgument` for a record that is not
 * complete.
 */
export function encodeRecord<K extends EntityKind>(
  kind: K,
  record: EntityRecords[K],
  tuning: Tuning = 'on',
): Uint8Array {
  const bytes = encodeMessage(codecs[kind], record, kind, tuning);
  // An empty value stands for a removal; a record that names its entity is never empty.
  if (bytes.length === 0)
    throw new BerthError('invalidArgument', `A ${kind} record without any field cannot be stored.`);
  return bytes;
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
  const name = parseField(stored.field);
  return name === undefined ? undefined : decodeNamed(name, stored, tuning);
}

/** A version of an entity, without its name. */
export type StoredVersion = Pick<StoredEntity, 'revision' | 'bytes'>;

/** Decodes the version of a named entity, as {@link decodeEntity} does. */
export function decodeNamed(name: EntityName, stored: StoredVersion, tuning: Tuning): AnyEntity {
  const { kind, id } = name;
  const { revision, bytes } = stored;
  const head = kind === 'task' && tuning === 'on' ? readTaskHead(bytes) : undefined;
  if (head !== undefined) return new StoredTask(id, revision, { bytes, head });
  return { kind, id, revision, record: decodeRecord(name, stored), bytes } as AnyEntity;
}

function decodeRecord(
  { kind, id }: EntityName,
  { revision, bytes }: StoredVersion,
): EntityRecords[EntityKind] {
  try {
    return codecs[kind].decode(bytes);
  } catch (cause) {
    throw new BerthError(
      'internal',
      `The stored ${fieldOf(kind, id)} of revision ${revision} cannot be decoded.`,
      { cause },
    );
  }
}
