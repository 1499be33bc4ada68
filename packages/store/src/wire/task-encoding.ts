/*
 * A task is stored anew at each of its changes, and most of what it holds does not change: its context, and its history but for
 * the newest state. That part is taken over from the bytes of the version before, since encoding it is most of the cost.
 */

import { TaskRecord } from '@berth/shared/gen/berth/v1/store';
import {
  StateChange,
  type Task,
  Task_TaskContextEntry,
  TaskState,
} from '@berth/shared/gen/netflix/titus/titus_job_api';
import type { Entity } from '@berth/shared/model/cell/entity';
import { type BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { encodeMessage } from './codec.js';
import { FieldWalk } from './field-walk.js';

/** Field numbers of berth.v1.TaskRecord and of netflix.titus.Task. */
const recordFields = { task: 1 } as const;
const taskFields = { id: 1, context: 2, state: 3, changes: 4 } as const;

/** What a version of a task holds of these fields, each as encoded: tags included. */
interface KeptParts {
  readonly context: Uint8Array;
  readonly changes: Uint8Array;
}

/**
 * The record's bytes, the same as if it were encoded from the start. `before` is the version from which it was made: what is
 * one and the same object in both is not encoded again. Fails with BerthError `invalidArgument` for a record that is not
 * complete.
 */
export function encodeTask(record: TaskRecord, before: Entity<'task'>): Uint8Array {
  const [task, earlier] = [record.task, before.record.task];
  const added = task && earlier && addedTo(earlier, task);
  const kept = added && keptParts(before.bytes);
  if (task === undefined || added === undefined || kept === undefined)
    return encodeMessage(TaskRecord, record, 'task');
  const codec = {
    encode(_: TaskRecord, writer: BinaryWriter): BinaryWriter {
      writer.uint32(tag(recordFields.task)).fork();
      if (task.id !== '') writer.uint32(tag(taskFields.id)).string(task.id);
      writer.raw(kept.context);
      for (const [key, value] of added.context)
        Task_TaskContextEntry.encode({ key, value }, writer.uint32(tag(taskFields.context)).fork()).join();
      if (task.state !== undefined)
        TaskState.encode(task.state, writer.uint32(tag(taskFields.state)).fork()).join();
      writer.raw(kept.changes);
      for (const change of added.changes)
        StateChange.encode(change, writer.uint32(tag(taskFields.changes)).fork()).join();
      writer.join();
      return TaskRecord.encode({ ...record, task: undefined }, writer);
    },
  };
  return encodeMessage(codec, record, 'task');
}

/** What the task has more than the earlier one; undefined where it is not just that one and more. */
function addedTo(earlier: Task, task: Task) {
  const context = addedEntries(earlier.taskContext, task.taskContext);
  const isContinued = earlier.stateChanges.every((change, index) => change === task.stateChanges[index]);
  if (context === undefined || !isContinued) return undefined;
  return { context, changes: task.stateChanges.slice(earlier.stateChanges.length) };
}

/** The entries that follow all of the earlier ones; undefined where those are not the first, just as they were. */
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

/** Undefined for bytes in another order than encoders write. */
function keptParts(bytes: Uint8Array): KeptParts | undefined {
  const walk = new FieldWalk(bytes);
  if (!walk.next(bytes.length) || walk.field !== recordFields.task) return undefined;
  const end = walk.end;
  let [contextAt, stateAt, changesAt, last] = [end, end, end, 0];
  while (walk.next(end)) {
    const { field, start } = walk;
    if (field < last || field > taskFields.changes) return undefined;
    if (field >= taskFields.context) contextAt = Math.min(contextAt, start);
    if (field >= taskFields.state) stateAt = Math.min(stateAt, start);
    if (field >= taskFields.changes) changesAt = Math.min(changesAt, start);
    last = field;
    walk.skip();
  }
  if (walk.isBroken) return undefined;
  return { context: bytes.subarray(contextAt, stateAt), changes: bytes.subarray(changesAt, end) };
}

/** Of a field that is a text or a message. */
function tag(field: number): number {
  return (field << 3) | WireType.LengthDelimited;
}
