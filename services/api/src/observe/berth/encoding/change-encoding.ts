/*
 * News as messages of berth.v1.ObserveService. What is stored is not encoded again: an entity's bytes are cut out of its
 * record and framed by tag and length. The numbers below are those of berth.v1.ObserveResponse.
 */

import {
  ObserveResponse,
  ObserveResponse_Commit,
  ObserveResponse_Removed,
  ObservedKind as WireKind,
} from '@berth/shared/gen/berth/v1/observe_service';
import { JobRecord } from '@berth/shared/gen/berth/v1/store';
import { Job, Task } from '@berth/shared/gen/netflix/titus/titus_job_api';
import type { AnyEntity } from '@berth/shared/model/cell/entity';
import { publicTaskBytes } from '@berth/shared/model/cell/public-task';
import { FrameWriter, framedBytes } from '@berth/shared/model/wire/frame-writer';
import { framableBuffer } from '@berth/shared/rpc/streaming/message-burst';
import { type FieldSelection, projectJob, projectTask } from '../../../queries/core/projection.js';
import { selectedTaskBytes, wholeTaskFields } from '../../../queries/task-fields.js';
import type { FieldBits } from '../../../tuning/encoding/message-parts.js';
import type { PendingMessage } from '../../../tuning/encoding/pending-message.js';
import type { CommitHeader, EntityChange, ObservedKind } from '../core/cell-changes.js';
import { type Item, isMarker } from '../core/items.js';

/** A message is full when it holds this many bytes of changes. */
const messageBytes = 48 * 1024;

const removedField = 7;
const responseFields = { commits: 1, snapshot: 2 } as const;
/** Of Commits, and of Snapshot. */
const repeatedField = 1;
const changesField = 4;
const changeFields: Readonly<Record<ObservedKind, number>> = {
  cluster: 1,
  job: 2,
  jobStatus: 3,
  task: 4,
  agent: 5,
  agentStatus: 6,
  clusterStatus: 8,
  jobScaling: 9,
  agentDrain: 10,
};
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

/** Which parts of jobs and tasks are told. */
export interface Mask {
  readonly job: FieldSelection;
  readonly task: FieldSelection;
}

type Response = NonNullable<ObserveResponse['response']>;

export function responseBytes(response: Response): Buffer {
  return Buffer.from(ObserveResponse.encode({ response }).finish());
}

export function cursorOf({ revision, commitId }: CommitHeader): { revision: number; commitId: string } {
  return { revision, commitId };
}

/** A change as it stands in a message: the field of Change that it is, and that field's bytes. */
interface Cut {
  readonly field: number;
  readonly bytes: Uint8Array;
}

/** The entities in as many messages as they need. */
export function* snapshotMessages(entities: Iterable<AnyEntity>, mask: Mask): Generator<PendingMessage> {
  let cuts: Cut[] = [];
  let bytes = 0;
  for (const entity of entities) {
    const cut = cutOf(entity, mask);
    cuts.push(cut);
    bytes += cut.bytes.length;
    if (bytes < messageBytes) continue;
    yield snapshotMessage(cuts);
    cuts = [];
    bytes = 0;
  }
  if (cuts.length > 0) yield snapshotMessage(cuts);
}

function snapshotMessage(cuts: readonly Cut[]): PendingMessage {
  const inner = sizeOf(cuts);
  return {
    byteLength: framedBytes(inner),
    writeTo: (splicer) => {
      splicer.open(responseFields.snapshot, inner);
      for (const cut of cuts) splice(splicer, repeatedField, cut);
    },
  };
}

/** Items in order, in as many messages as they need; several commits share a message. */
export function* itemMessages(items: readonly Item[], mask: Mask): Generator<Buffer> {
  let parts: CommitPart[] = [];
  let bytes = 0;
  for (let index = 0; index < items.length; index += 1) {
    const item = items[index];
    if (item === undefined) break;
    if (isMarker(item)) {
      if (parts.length > 0) yield commitsMessage(parts);
      parts = [];
      bytes = 0;
      yield responseBytes(markerMessage(item));
      continue;
    }
    if (item.kind === 'count') throw new TypeError('counts have messages of their own');
    const cut = item.entity === undefined ? removalOf(item) : cutOf(item.entity, mask);
    const open = parts.at(-1);
    if (open !== undefined && isSameCommit(open, item)) open.cuts.push(cut);
    else parts.push({ commit: item.commit, isIncomplete: item.isOutOfOrder === true, cuts: [cut] });
    bytes += cut.bytes.length;
    if (bytes < messageBytes) continue;
    const next = items[index + 1];
    const last = parts.at(-1);
    const isCut = next !== undefined && 'entity' in next && last !== undefined && isSameCommit(last, next);
    if (isCut) last.isIncomplete = true;
    yield commitsMessage(parts);
    parts = [];
    bytes = 0;
  }
  if (parts.length > 0) yield commitsMessage(parts);
}

/** What one message holds of a commit. */
interface CommitPart {
  readonly commit: CommitHeader;
  isIncomplete: boolean;
  readonly cuts: Cut[];
}

function isSameCommit(part: CommitPart, { commit }: EntityChange): boolean {
  return part.commit === commit || part.commit.commitId === commit.commitId;
}

function commitsMessage(parts: readonly CommitPart[]): Buffer {
  const commits = parts.map(({ commit: { revision, commitId, atMs }, isIncomplete: incomplete, cuts }) => {
    const head = ObserveResponse_Commit.encode({
      revision,
      commitId,
      atMs,
      changes: [],
      incomplete,
    }).finish();
    return { head, cuts, length: head.length + sizeOf(cuts) };
  });
  const inner = commits.reduce((sum, { length }) => sum + framedBytes(length), 0);
  const splicer = new FrameWriter(framableBuffer(framedBytes(inner)));
  splicer.open(responseFields.commits, inner);
  for (const { head, cuts, length } of commits) {
    splicer.open(repeatedField, length);
    splicer.bytes(head);
    for (const cut of cuts) splice(splicer, changesField, cut);
  }
  return splicer.buffer;
}

function sizeOf(cuts: readonly Cut[]): number {
  let size = 0;
  for (const { bytes } of cuts) size += framedBytes(framedBytes(bytes.length));
  return size;
}

function splice(splicer: FrameWriter, field: number, cut: Cut): void {
  splicer.open(field, framedBytes(cut.bytes.length));
  splicer.open(cut.field, cut.bytes.length);
  splicer.bytes(cut.bytes);
}

/** What a mark says. */
export function markerMessage(mark: Extract<Item, { kind: 'bookmark' | 'checkpoint' }>): Response {
  const position = cursorOf(mark.commit);
  return mark.kind === 'bookmark'
    ? { $case: 'bookmark', value: { position, atMs: mark.commit.atMs } }
    : { $case: 'checkpointReached', value: { id: mark.id, position } };
}

function removalOf({ kind, id }: EntityChange): Cut {
  return {
    field: removedField,
    bytes: ObserveResponse_Removed.encode({ kind: wireKinds[kind], id }).finish(),
  };
}

function cutOf(entity: AnyEntity, mask: Mask): Cut {
  switch (entity.kind) {
    case 'task':
      return { field: changeFields.task, bytes: taskBytes(entity, mask.task) };
    case 'job':
      return { field: changeFields.job, bytes: jobBytes(entity, mask.job) };
    case 'taskStop':
      throw new TypeError('a taskStop is not observed');
    default:
      return { field: changeFields[entity.kind], bytes: entity.bytes };
  }
}

function taskBytes(entity: Extract<AnyEntity, { kind: 'task' }>, fields: FieldSelection): Uint8Array {
  if (fields === true) return publicTaskBytes(entity);
  const whole = wholeFields(fields);
  if (whole !== undefined) return selectedTaskBytes(entity, whole);
  const { task } = entity.record;
  if (task === undefined) return publicTaskBytes(entity);
  return Task.encode(projectTask(task, fields)).finish();
}

/** A mask stands for as long as its subscribers stay. */
const knownFields = new WeakMap<object, FieldBits | undefined>();

function wholeFields(fields: Exclude<FieldSelection, true>): FieldBits | undefined {
  if (!knownFields.has(fields)) knownFields.set(fields, wholeTaskFields(fields));
  return knownFields.get(fields);
}

function jobBytes(
  { record, bytes }: Extract<AnyEntity, { kind: 'job' }>,
  fields: FieldSelection,
): Uint8Array {
  if (fields === true) return bytes;
  const job = Job.fromPartial({ id: record.id });
  const { jobDescriptor } = projectJob({ ...job, jobDescriptor: record.descriptor }, fields);
  return JobRecord.encode({ ...record, descriptor: jobDescriptor }).finish();
}
