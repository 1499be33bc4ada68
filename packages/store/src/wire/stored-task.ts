/*
 * Tasks as they are stored. Most of a cell's records are tasks, and most readers hand their bytes on without a look inside:
 * so a record is decoded when somebody first asks for it, and what is asked of each task at each change is read from its
 * bytes directly.
 */
import { TaskRecord } from '@berth/shared/gen/berth/v1/store';
import type { Entity, TaskHead } from '@berth/shared/model/cell/entity';
import type { State } from '@berth/shared/model/task/task-state';
import { FieldWalk } from './field-walk.js';

/** Field numbers of berth.v1.TaskRecord, and of the public task in it, that hold messages; see their protos. */
const recordFields = { task: 1, jobId: 2, resources: 6, stop: 9 } as const;
const taskFields = { context: 2, state: 3, changes: 4 } as const;
const stateField = 1;

/** A task whose record is decoded when it is first asked for. */
export class StoredTask implements Entity<'task'> {
  readonly kind = 'task';
  readonly id: string;
  readonly revision: number;
  readonly bytes: Uint8Array;
  readonly head: TaskHead;
  #record: TaskRecord | undefined;

  /** `head` as {@link readTaskHead} has it: bytes that it can read can be decoded. */
  constructor(id: string, revision: number, { bytes, head }: { bytes: Uint8Array; head: TaskHead }) {
    this.id = id;
    this.revision = revision;
    this.bytes = bytes;
    this.head = head;
  }

  get record(): TaskRecord {
    this.#record ??= TaskRecord.decode(this.bytes);
    return this.#record;
  }
}

/** Reads the head of a stored task; undefined for bytes that are not a whole task record, as far as can be seen. */
export function readTaskHead(bytes: Uint8Array): TaskHead | undefined {
  const walk = new FieldWalk(bytes);
  let state: State = 0;
  let jobId = '';
  while (walk.next(bytes.length)) {
    if (walk.field === recordFields.task) state = readState(walk, walk.end);
    else if (walk.field === recordFields.jobId) jobId = walk.text();
    else if (walk.field === recordFields.resources || walk.field === recordFields.stop)
      walk.skipFields(walk.end);
    else walk.skip();
  }
  return walk.isBroken ? undefined : { jobId, state };
}

/** The state in the public task at hand. */
function readState(walk: FieldWalk, end: number): State {
  let state: State = 0;
  while (walk.next(end)) {
    const { field } = walk;
    if (field === taskFields.state) state = readFirstField(walk, walk.end) as State;
    else if (field === taskFields.context || field === taskFields.changes) walk.skipFields(walk.end);
    else walk.skip();
  }
  return state;
}

function readFirstField(walk: FieldWalk, end: number): number {
  let value = 0;
  while (walk.next(end)) {
    if (walk.field === stateField) value = walk.value;
    walk.skip();
  }
  return value;
}
