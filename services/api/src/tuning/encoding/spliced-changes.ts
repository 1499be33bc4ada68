/*
 * Problem: a stored record is sent to all subscribers of the cell. Decoding it and encoding it again costs
 * more than all the rest.
 * Figure: a snapshot of 100,000 tasks took 283 ms, then 161 ms, when its messages were written from stored
 * bytes straight into their burst.
 * Benchmark: `npm run bench -- observe --only snapshot,fanout`.
 * Off: `BERTH_API_TUNING=off` encodes the messages with the generated code (plain-changes.ts).
 */
import { ObserveResponse_Commit, ObserveResponse_Removed } from '@berth/shared/gen/berth/v1/observe_service';
import { JobRecord } from '@berth/shared/gen/berth/v1/store';
import { fieldNumbers } from '@berth/shared/gen/field-numbers';
import { Task } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { publicTaskBytes } from '@berth/shared/model/cell/public-task';
import { FrameWriter, framedBytes } from '@berth/shared/model/wire/frame-writer';
import { framableBuffer } from '@berth/shared/rpc/streaming/message-burst';
import type { ChangeEncoder, CommitPart } from './change-encoder.js';
import { partsOf } from './message-parts.js';
import type { PendingMessage } from './pending-message.js';

const responseFields = fieldNumbers['berth.v1.ObserveResponse'];
const commitFields = fieldNumbers['berth.v1.ObserveResponse.Commit'];
const changeFields = fieldNumbers['berth.v1.ObserveResponse.Change'];
const entitiesField = fieldNumbers['berth.v1.ObserveResponse.Snapshot'].entities;
const commitsField = fieldNumbers['berth.v1.ObserveResponse.Commits'].commits;

/** A field of Change, and its bytes. */
interface SplicedChange {
  readonly field: number;
  readonly bytes: Uint8Array;
}

/** Cuts the bytes of entities out of their stored records, and puts them behind tags and lengths. */
export const splicedChanges: ChangeEncoder<SplicedChange> = {
  whole: (entity) =>
    entity.kind === 'task'
      ? { field: changeFields.task, bytes: publicTaskBytes(entity) }
      : { field: changeFields[entity.kind], bytes: entity.bytes },
  fieldsOf: (task, fields) => ({ field: changeFields.task, bytes: partsOf(publicTaskBytes(task), fields) }),
  projectedTask: (task) => ({ field: changeFields.task, bytes: Task.encode(task).finish() }),
  projectedJob: (job) => ({ field: changeFields.job, bytes: JobRecord.encode(job).finish() }),
  removed: (kind, id) => ({
    field: changeFields.removed,
    bytes: ObserveResponse_Removed.encode({ kind, id }).finish(),
  }),
  byteLength: ({ bytes }) => bytes.length,
  snapshot,
  commits,
};

function snapshot(changes: readonly SplicedChange[]): PendingMessage {
  const inner = sizeOf(changes);
  return {
    byteLength: framedBytes(inner),
    writeTo: (writer) => {
      writer.open(responseFields.snapshot, inner);
      for (const change of changes) write(writer, entitiesField, change);
    },
  };
}

function commits(parts: readonly CommitPart<SplicedChange>[]): Buffer {
  const framed = parts.map(({ commit: { revision, commitId, atMs }, isIncomplete: incomplete, changes }) => {
    const fields = { revision, commitId, atMs, changes: [], incomplete };
    const head = ObserveResponse_Commit.encode(fields).finish();
    return { head, changes, length: head.length + sizeOf(changes) };
  });
  const inner = framed.reduce((sum, { length }) => sum + framedBytes(length), 0);
  const writer = new FrameWriter(framableBuffer(framedBytes(inner)));
  writer.open(responseFields.commits, inner);
  for (const { head, changes, length } of framed) {
    writer.open(commitsField, length);
    writer.bytes(head);
    for (const change of changes) write(writer, commitFields.changes, change);
  }
  return writer.buffer;
}

function sizeOf(changes: readonly SplicedChange[]): number {
  let size = 0;
  for (const { bytes } of changes) size += framedBytes(framedBytes(bytes.length));
  return size;
}

function write(writer: FrameWriter, field: number, change: SplicedChange): void {
  writer.open(field, framedBytes(change.bytes.length));
  writer.open(change.field, change.bytes.length);
  writer.bytes(change.bytes);
}
