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
function readState(walk: Walk, end: number): State {
  let state: State = 0;
  while (walk.next(end)) {
    const { field } = walk;
    if (field === taskFields.state) state = readFirstField(walk, walk.end) as State;
    else if (field === taskFields.context || field === taskFields.changes) walk.skipFields(walk.end);
    else walk.skip();
  }
  return state;
}

function readFirstField(walk: Walk, end: number): number {
  let value = 0;
  while (walk.next(end)) {
    if (walk.field === stateField) value = walk.value;
    walk.skip();
  }
  return value;
}

/** A walk over the fields of encoded messages, which goes into those that it is told to. It leaves no garbage: each change is read by it. */
class Walk {
  /** Of the field at hand: its number, where it ends, and its value where that is a number. */
  field = 0;
  end = 0;
  value = 0;
  /** Whether fields did not end where they had to, or were of kinds that no record of ours holds. */
  isBroken = false;
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Goes to the next field before `end`, to its contents where it has such; false where there is none, or something is wrong. */
  next(end: number): boolean {
    if (this.isBroken || this.#at >= end) {
      this.isBroken ||= this.#at > end;
      return false;
    }
    const tag = this.#varint();
    const type = tag & 7;
    this.field = tag >>> 3;
    this.value = this.#varint();
    this.end = type === wire.lengthDelimited ? this.#at + this.value : this.#at;
    this.isBroken ||=
      this.field === 0 || this.end > end || (type !== wire.lengthDelimited && type !== wire.varint);
    return !this.isBroken;
  }

  /** Passes over the field at hand. */
  skip(): void {
    this.#at = this.end;
  }

  /** Passes over the fields of the message at hand, each of which is looked at. */
  skipFields(end: number): void {
    while (this.next(end)) this.skip();
  }

  /** The text at hand, which is passed over. */
  text(): string {
    const { buffer, byteOffset } = this.#bytes;
    const text = Buffer.from(buffer, byteOffset + this.#at, this.end - this.#at).toString();
    this.skip();
    return text;
  }

  /** Broken for a number that JavaScript cannot hold exactly, or where the bytes end in it. */
  #varint(): number {
    let value = 0;
    for (let factor = 1; factor <= 2 ** 49; factor *= 128) {
      const byte = this.#bytes[this.#at];
      if (byte === undefined) break;
      this.#at += 1;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) {
        this.isBroken ||= value > Number.MAX_SAFE_INTEGER;
        return value;
      }
    }
    this.isBroken = true;
    return 0;
  }
}
