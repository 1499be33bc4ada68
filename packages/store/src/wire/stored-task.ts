/*
 * Tasks that are decoded when their record is first asked for.
 *
 * Problem: most records of a cell are tasks, and most readers of a task hand its bytes on without a look
 * inside. Decoding it for each of them is most of the cost of following the change log.
 * Figure: none was recorded for this alone.
 * Benchmark: `npm run bench -- observe` (events per second).
 * Off: `BERTH_STORE_TUNING=off` decodes every record at once.
 */
import { TaskRecord } from '@berth/shared/gen/berth/v1/store';
import { fieldNumbers } from '@berth/shared/gen/field-numbers';
import type { TaskHead, TaskWithHead } from '@berth/shared/model/cell/task-head';
import type { State } from '@berth/shared/model/task/task-state';
import { ProtobufScanner } from '@berth/shared/model/wire/protobuf-scanner';

const recordFields = fieldNumbers['berth.v1.TaskRecord'];
const taskFields = fieldNumbers['netflix.titus.Task'];
const stateFields = fieldNumbers['netflix.titus.TaskState'];

/** A task that decodes its record when it is first asked for. */
export class StoredTask implements TaskWithHead {
  readonly kind = 'task';
  readonly id: string;
  readonly revision: number;
  readonly bytes: Uint8Array;
  readonly head: TaskHead;
  #record: TaskRecord | undefined;

  /** `head` is the result of {@link readTaskHead}: bytes that it can read can be decoded. */
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

/**
 * Reads the head of a stored task. Undefined for bytes that are not a complete task record, as far as a scan
 * can see.
 */
export function readTaskHead(bytes: Uint8Array): TaskHead | undefined {
  const scanner = new ProtobufScanner(bytes);
  let state: State = 0;
  let jobId = '';
  while (scanner.next(bytes.length)) {
    if (scanner.field === recordFields.task) state = readState(scanner, scanner.end);
    else if (scanner.field === recordFields.jobId) jobId = scanner.text();
    else if (scanner.field === recordFields.resources || scanner.field === recordFields.stop)
      scanner.skipFields(scanner.end);
    else scanner.skip();
  }
  return scanner.isBroken ? undefined : { jobId, state };
}

/** Reads the state of the scanner's current public task. */
function readState(scanner: ProtobufScanner, end: number): State {
  let state: State = 0;
  while (scanner.next(end)) {
    const { field } = scanner;
    if (field === taskFields.state) state = readStateNumber(scanner, scanner.end) as State;
    else if (field === taskFields.taskContext || field === taskFields.stateChanges)
      scanner.skipFields(scanner.end);
    else scanner.skip();
  }
  return state;
}

function readStateNumber(scanner: ProtobufScanner, end: number): number {
  let value = 0;
  while (scanner.next(end)) {
    if (scanner.field === stateFields.state) value = scanner.value;
    scanner.skip();
  }
  return value;
}
