/*
 * A task is stored anew at each of its changes, and most of what it holds does not change: its context, and its history but for
 * the newest state. That part is taken over from the bytes of the version before, since encoding it is most of the cost.
 */
import { type BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { TaskRecord } from '../gen/berth/v1/store.js';
import { StateChange, type Task, TaskState } from '../gen/netflix/titus/titus_job_api.js';
import type { Entity } from '../model/entity.js';
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
  const kept = task && earlier && extendsTask(task, earlier) ? keptParts(before.bytes) : undefined;
  if (task === undefined || earlier === undefined || kept === undefined)
    return encodeMessage(TaskRecord, record, 'task');
  const added = task.stateChanges.slice(earlier.stateChanges.length);
  const codec = {
    encode(_: TaskRecord, writer: BinaryWriter): BinaryWriter {
      writer.uint32(tag(recordFields.task)).fork();
      if (task.id !== '') writer.uint32(tag(taskFields.id)).string(task.id);
      writer.raw(kept.context);
      if (task.state !== undefined)
        TaskState.encode(task.state, writer.uint32(tag(taskFields.state)).fork()).join();
      writer.raw(kept.changes);
      for (const change of added)
        StateChange.encode(change, writer.uint32(tag(taskFields.changes)).fork()).join();
      writer.join();
      return TaskRecord.encode({ ...record, task: undefined }, writer);
    },
  };
  return encodeMessage(codec, record, 'task');
}

/** Whether the task's context and history are the earlier one's, but for states that were added. */
function extendsTask(task: Task, earlier: Task): boolean {
  return (
    task.taskContext === earlier.taskContext &&
    earlier.stateChanges.every((change, index) => change === task.stateChanges[index])
  );
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
