/*
 * Changes of the cell as messages of berth.v1.ObserveService. The encoder of the tuning writes the messages
 * that carry stored records.
 */
import { ObserveResponse, ObservedKind as WireKind } from '@berth/shared/gen/berth/v1/observe_service';
import { Job } from '@berth/shared/gen/netflix/titus/titus_job_api';
import type { AnyEntity } from '@berth/shared/model/cell/entity';
import { type FieldSelection, projectJob, projectTask } from '../../../queries/core/projection.js';
import { wholeTaskFields } from '../../../queries/task-fields.js';
import type { ChangeEncoder, CommitPart } from '../../../tuning/encoding/change-encoder.js';
import type { FieldBits } from '../../../tuning/encoding/message-parts.js';
import type { PendingMessage } from '../../../tuning/encoding/pending-message.js';
import type { CommitHeader, EntityChange, ObservedKind } from '../core/cell-changes.js';
import { type Item, isMarker } from '../core/items.js';

/** A message is full when it holds this many bytes of changes. */
const messageBytes = 48 * 1024;

export const wireKinds: Readonly<Record<ObservedKind, WireKind>> = {
  cluster: WireKind.CLUSTER,
  job: WireKind.JOB,
  jobStatus: WireKind.JOB_STATUS,
  task: WireKind.TASK,
  agent: WireKind.AGENT,
  agentStatus: WireKind.AGENT_STATUS,
  clusterStatus: WireKind.CLUSTER_STATUS,
  jobScaling: WireKind.JOB_SCALING,
  agentDrain: WireKind.AGENT_DRAIN,
};

/** The fields of jobs and tasks that are sent, and the encoder of the messages. */
export interface ChangeFormat {
  readonly job: FieldSelection;
  readonly task: FieldSelection;
  readonly encoder: ChangeEncoder<unknown>;
}

type Response = NonNullable<ObserveResponse['response']>;

export function responseBytes(response: Response): Buffer {
  return Buffer.from(ObserveResponse.encode({ response }).finish());
}

export function cursorOf({ revision, commitId }: CommitHeader): { revision: number; commitId: string } {
  return { revision, commitId };
}

/** Yields `snapshot` messages with these entities. */
export function* snapshotMessages(
  entities: Iterable<AnyEntity>,
  format: ChangeFormat,
): Generator<PendingMessage> {
  const { encoder } = format;
  let changes: unknown[] = [];
  let bytes = 0;
  for (const entity of entities) {
    const change = changeOf(entity, format);
    changes.push(change);
    bytes += encoder.byteLength(change);
    if (bytes < messageBytes) continue;
    yield encoder.snapshot(changes);
    changes = [];
    bytes = 0;
  }
  if (changes.length > 0) yield encoder.snapshot(changes);
}

/** Yields messages with these items, in order. Several commits share a message. */
export function* itemMessages(items: readonly Item[], format: ChangeFormat): Generator<Buffer> {
  const { encoder } = format;
  let parts: CommitPart<unknown>[] = [];
  let bytes = 0;
  for (let index = 0; index < items.length; index += 1) {
    const item = items[index];
    if (item === undefined) break;
    if (isMarker(item)) {
      if (parts.length > 0) yield encoder.commits(parts);
      parts = [];
      bytes = 0;
      yield responseBytes(markerMessage(item));
      continue;
    }
    if (item.kind === 'count') throw new TypeError('counts have messages of their own');
    const change = item.entity === undefined ? removalOf(item, encoder) : changeOf(item.entity, format);
    const open = parts.at(-1);
    if (open !== undefined && isSameCommit(open, item)) open.changes.push(change);
    else parts.push({ commit: item.commit, isIncomplete: item.isOutOfOrder === true, changes: [change] });
    bytes += encoder.byteLength(change);
    if (bytes < messageBytes) continue;
    const next = items[index + 1];
    const last = parts.at(-1);
    const isCut = next !== undefined && 'entity' in next && last !== undefined && isSameCommit(last, next);
    if (isCut) last.isIncomplete = true;
    yield encoder.commits(parts);
    parts = [];
    bytes = 0;
  }
  if (parts.length > 0) yield encoder.commits(parts);
}

function isSameCommit(part: CommitPart<unknown>, { commit }: EntityChange): boolean {
  return part.commit === commit || part.commit.commitId === commit.commitId;
}

/** Returns the message of a bookmark, or of the answer to a checkpoint. */
export function markerMessage(marker: Extract<Item, { kind: 'bookmark' | 'checkpoint' }>): Response {
  const position = cursorOf(marker.commit);
  return marker.kind === 'bookmark'
    ? { $case: 'bookmark', value: { position, atMs: marker.commit.atMs } }
    : { $case: 'checkpointReached', value: { id: marker.id, position } };
}

function removalOf({ kind, id }: EntityChange, encoder: ChangeEncoder<unknown>): unknown {
  return encoder.removed(wireKinds[kind], id);
}

function changeOf(entity: AnyEntity, format: ChangeFormat): unknown {
  switch (entity.kind) {
    case 'task':
      return taskChange(entity, format);
    case 'job':
      return jobChange(entity, format);
    case 'taskStop':
    case 'clusterRuns':
      throw new TypeError(`a ${entity.kind} is not observed`);
    default:
      return format.encoder.whole(entity);
  }
}

function taskChange(
  entity: Extract<AnyEntity, { kind: 'task' }>,
  { task: fields, encoder }: ChangeFormat,
): unknown {
  if (fields === true) return encoder.whole(entity);
  const bits = wholeFields(fields);
  const change = bits === undefined ? undefined : encoder.fieldsOf(entity, bits);
  if (change !== undefined) return change;
  const { task } = entity.record;
  return task === undefined ? encoder.whole(entity) : encoder.projectedTask(projectTask(task, fields));
}

/** A selection lives as long as its subscribers. */
const knownFields = new WeakMap<object, FieldBits | undefined>();

function wholeFields(fields: Exclude<FieldSelection, true>): FieldBits | undefined {
  if (!knownFields.has(fields)) knownFields.set(fields, wholeTaskFields(fields));
  return knownFields.get(fields);
}

function jobChange(
  entity: Extract<AnyEntity, { kind: 'job' }>,
  { job: fields, encoder }: ChangeFormat,
): unknown {
  if (fields === true) return encoder.whole(entity);
  const { record } = entity;
  const job = Job.fromPartial({ id: record.id });
  const { jobDescriptor } = projectJob({ ...job, jobDescriptor: record.descriptor }, fields);
  return encoder.projectedJob({ ...record, descriptor: jobDescriptor });
}
