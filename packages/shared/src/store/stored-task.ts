/*
 * Tasks as they are stored. Most of a cell's records are tasks, and most readers hand their bytes on without a look inside:
 * so a record is decoded when somebody first asks for it, and what is asked of each task at each change is read from its
 * bytes directly.
 */
import { TaskRecord } from '../gen/berth/v1/store.js';
import type { Entity, TaskHead } from '../model/entity.js';
import type { State } from '../model/task-state.js';

/** Field numbers of berth.v1.TaskRecord, and of the public task in it, that hold messages; see their protos. */
const recordFields = { task: 1, jobId: 2, resources: 6, stop: 9 } as const;
const taskFields = { context: 2, state: 3, changes: 4 } as const;
const stateField = 1;
const wire = { varint: 0, lengthDelimited: 2 } as const;

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
  const walk = new Walk(bytes);
  const head = { jobId: '', state: 0 as State };
  const isWhole = walk.fields(bytes.length, (field, end) => {
    switch (field) {
      case recordFields.task:
        return walk.fields(end, (taskField, taskEnd) => readTaskField(walk, taskField, taskEnd, head));
      case recordFields.jobId:
        head.jobId = walk.text(end);
        return true;
      case recordFields.resources:
      case recordFields.stop:
        return walk.fields(end, skipped);
      default:
        return true;
    }
  });
  return isWhole ? head : undefined;
}

function readTaskField(walk: Walk, field: number, end: number, head: { state: State }): boolean {
  if (field === taskFields.state)
    return walk.fields(end, (inner) => {
      if (inner === stateField) head.state = walk.value as State;
      return true;
    });
  return field === taskFields.context || field === taskFields.changes ? walk.fields(end, skipped) : true;
}

const skipped = () => true;

/** A walk over the fields of encoded messages that goes into those that it is told to. */
class Walk {
  /** Of the field that was just read, where it is a number. */
  value = 0;
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /**
   * Visits each field up to `end`, with the place where it ends; a visitor may go into it. False where the bytes do not end
   * there, hold what no record of ours holds, or a visitor says so.
   */
  fields(end: number, visit: (field: number, end: number) => boolean): boolean {
    while (this.#at < end) {
      if (!this.#varint()) return false;
      const [field, type] = [this.value >>> 3, this.value & 7];
      if (field === 0 || !this.#varint()) return false;
      let fieldEnd = this.#at;
      if (type === wire.lengthDelimited) fieldEnd += this.value;
      else if (type !== wire.varint) return false;
      if (fieldEnd > end || !visit(field, fieldEnd)) return false;
      this.#at = fieldEnd;
    }
    return this.#at === end;
  }

  /** The text up to `end`. */
  text(end: number): string {
    return Buffer.from(this.#bytes.buffer, this.#bytes.byteOffset + this.#at, end - this.#at).toString();
  }

  /** False for a number that JavaScript cannot hold exactly, or where the bytes end in it. */
  #varint(): boolean {
    let value = 0;
    for (let factor = 1; factor <= 2 ** 49; factor *= 128) {
      const byte = this.#bytes[this.#at];
      if (byte === undefined) return false;
      this.#at += 1;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) {
        this.value = value;
        return value <= Number.MAX_SAFE_INTEGER;
      }
    }
    return false;
  }
}
