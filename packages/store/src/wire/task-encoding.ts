/*
 * A new version of a task is encoded from the bytes of the version before it.
 *
 * Problem: a task is stored again at each of its changes. Most of it stays the same (its context, and its
 * history except the newest state), and encoding that part again is most of the cost of a write.
 * Figure: none was recorded for this alone.
 * Benchmark: `npm run bench -- schedule` (placements per second).
 * Off: `BERTH_STORE_TUNING=off` encodes each version from its record.
 */

import { TaskRecord } from '@berth/shared/gen/berth/v1/store';
import { fieldNumbers } from '@berth/shared/gen/field-numbers';
import {
  StateChange,
  type Task,
  Task_TaskContextEntry,
  TaskState,
} from '@berth/shared/gen/netflix/titus/titus_job_api';
import type { Entity } from '@berth/shared/model/cell/entity';
import { ProtobufScanner, tagOf } from '@berth/shared/model/wire/protobuf-scanner';
import type { BinaryWriter } from '@bufbuild/protobuf/wire';
import { encodeMessage } from './shared-writer.js';

const recordFields = fieldNumbers['berth.v1.TaskRecord'];
const taskFields = fieldNumbers['netflix.titus.Task'];

/** The encoded fields of a version that the next one takes over, tags included. */
interface KeptParts {
  readonly context: Uint8Array;
  readonly changes: Uint8Array;
}

/**
 * Encodes the record. The result is the same as that of the generated code. `before` is the version that the
 * record was made from: parts that are the same object in both are copied. Fails with BerthError
 * `invalidArgument` for a record that is not complete.
 */
export function encodeTask(record: TaskRecord, before: Entity<'task'>): Uint8Array {
  const [task, earlier] = [record.task, before.record.task];
  const added = task && earlier && addedTo(earlier, task);
  const kept = added && keptParts(before.bytes);
  if (task === undefined || added === undefined || kept === undefined)
    return encodeMessage(TaskRecord, record, 'task');
  const codec = {
    encode(_: TaskRecord, writer: BinaryWriter): BinaryWriter {
      writer.uint32(tagOf(recordFields.task)).fork();
      if (task.id !== '') writer.uint32(tagOf(taskFields.id)).string(task.id);
      writer.raw(kept.context);
      for (const [key, value] of added.context)
        Task_TaskContextEntry.encode(
          { key, value },
          writer.uint32(tagOf(taskFields.taskContext)).fork(),
        ).join();
      if (task.state !== undefined)
        TaskState.encode(task.state, writer.uint32(tagOf(taskFields.state)).fork()).join();
      writer.raw(kept.changes);
      for (const change of added.changes)
        StateChange.encode(change, writer.uint32(tagOf(taskFields.stateChanges)).fork()).join();
      writer.join();
      return TaskRecord.encode({ ...record, task: undefined }, writer);
    },
  };
  return encodeMessage(codec, record, 'task');
}

/**
 * Returns the additions to the earlier version. Undefined if something else of these fields has changed, too.
 */
function addedTo(earlier: Task, task: Task) {
  const context = addedEntries(earlier.taskContext, task.taskContext);
  const isContinued = earlier.stateChanges.every((change, index) => change === task.stateChanges[index]);
  if (context === undefined || !isContinued) return undefined;
  return { context, changes: task.stateChanges.slice(earlier.stateChanges.length) };
}

/**
 * Returns the entries after the earlier ones. Undefined if the earlier ones are not all there, unchanged and
 * first.
 */
function addedEntries(
  earlier: Task['taskContext'],
  context: Task['taskContext'],
): readonly (readonly [key: string, value: string])[] | undefined {
  if (earlier === context) return [];
  const before = Object.keys(earlier);
  const keys = Object.keys(context);
  const areFirst = before.every((key, index) => keys[index] === key && context[key] === earlier[key]);
  return areFirst ? keys.slice(before.length).map((key) => [key, context[key] ?? '']) : undefined;
}

/** Undefined if the fields are not in the order of encoders. */
function keptParts(bytes: Uint8Array): KeptParts | undefined {
  const scanner = new ProtobufScanner(bytes);
  if (!scanner.next(bytes.length) || scanner.field !== recordFields.task) return undefined;
  const end = scanner.end;
  let [contextAt, stateAt, changesAt, last] = [end, end, end, 0];
  while (scanner.next(end)) {
    const { field, start } = scanner;
    if (field < last || field > taskFields.stateChanges) return undefined;
    if (field >= taskFields.taskContext) contextAt = Math.min(contextAt, start);
    if (field >= taskFields.state) stateAt = Math.min(stateAt, start);
    if (field >= taskFields.stateChanges) changesAt = Math.min(changesAt, start);
    last = field;
    scanner.skip();
  }
  if (scanner.isBroken) return undefined;
  return { context: bytes.subarray(contextAt, stateAt), changes: bytes.subarray(changesAt, end) };
}
