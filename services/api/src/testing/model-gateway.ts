import { type ObservePosition, ObserveResponse } from '@berth/shared/gen/berth/v1/observe_service';
import type { CommitChanges } from '@berth/shared/model/cell/change';
import type { AnyEntity } from '@berth/shared/model/cell/entity';
import { FrameWriter } from '@berth/shared/model/wire/frame-writer';
import type { Write } from '@berth/store';
import { StoredChange } from '@berth/store/recent';
import { type JobWithTasks, liveJobs } from '../gateway/core/job-with-tasks.js';
import {
  type CellSelection,
  type CommitHeader,
  changesOf,
  headerOf,
  type ObservedKind,
  observedKinds,
  presentChanges,
  selectedEntities,
} from '../observe/berth/core/cell-changes.js';
import { type Item, itemConflation } from '../observe/berth/core/items.js';
import {
  type ChangeFormat,
  cursorOf,
  itemMessages,
  responseBytes,
  snapshotMessages,
} from '../observe/berth/encoding/change-encoding.js';
import { backfillMessages } from '../observe/berth/resume/backfill.js';
import type { MissedCommit } from '../observe/berth/resume/missed-commits.js';
import { PendingBatches } from '../observe/stream/pending-batches.js';
import { parseFilter } from '../queries/core/query.js';
import type { PendingMessage } from '../tuning/encoding/pending-message.js';
import { type ObserveTuning, tuningOf } from '../tuning/observe-tuning.js';
import { ScriptedCell } from './scripted-cell.js';

export { wireKinds } from '../observe/berth/encoding/change-encoding.js';

interface ModelGatewayOptions {
  /** Undefined: all kinds. */
  readonly kinds?: readonly ObservedKind[] | undefined;
  /** Criteria of the subscriber. Absent: all jobs and tasks. */
  readonly criteria?: Readonly<Record<string, string>>;
  /** The limit of the bytes that wait for the subscriber. */
  readonly maxBytes: number;
  readonly tuning: 'on' | 'off';
}

/**
 * A gateway with one subscriber of the complete cell: the queue and the messages of a real one, without a
 * store and a network.
 */
export class ModelGateway {
  readonly cell = new ScriptedCell();
  readonly #log: CommitChanges[] = [];
  readonly #selection: CellSelection;
  readonly #maxBytes: number;
  readonly #tuning: ObserveTuning;
  readonly #format: ChangeFormat;
  #last: CommitHeader = { revision: 0, commitId: '', atMs: 0 };
  #queue: PendingBatches<Item>;
  /** Messages that come before those of the queue. */
  #ready: Buffer[] = [];

  constructor({ kinds = observedKinds, criteria, maxBytes, tuning }: ModelGatewayOptions) {
    this.#selection = { kinds: new Set(kinds), filter: criteria && filterOf(criteria) };
    this.#maxBytes = maxBytes;
    this.#tuning = tuningOf(tuning);
    this.#format = { job: true, task: true, encoder: this.#tuning.changes };
    this.#queue = this.#emptyQueue();
  }

  get revision(): number {
    return this.#last.revision;
  }

  /** The jobs that the subscriber of everything must know in the end. */
  liveJobs(): readonly JobWithTasks[] {
    return [...liveJobs(this.cell)];
  }

  /** The entities that the subscriber must know in the end. */
  selectedEntities(): Iterable<AnyEntity> {
    return selectedEntities(this.cell, this.#selection);
  }

  commit(writes: readonly Write[]): void {
    if (writes.length === 0) return;
    const commit = this.cell.commit(...writes);
    this.#log.push(commit);
    this.#last = headerOf(commit);
    const changes = changesOf(commit, this.cell, this.#selection);
    if (changes.length > 0) this.#queue.add(changes);
  }

  checkpoint(id: string): void {
    this.#queue.add([{ kind: 'checkpoint', id, commit: this.#last }]);
  }

  /** The subscriber has left. It comes back with its last position. */
  connect(position: ObservePosition | undefined): void {
    this.#queue = this.#emptyQueue();
    const last = cursorOf(this.#last);
    if (position === undefined) {
      const messages = snapshotMessages(selectedEntities(this.cell, this.#selection), this.#format);
      const end = responseBytes({ $case: 'snapshotEnd', value: { position: last } });
      this.#ready = [...Array.from(messages, bytesOf), end];
      return;
    }
    const end = responseBytes({ $case: 'bookmark', value: { position: last, atMs: this.#last.atMs } });
    this.#ready = [...this.#missed(position), end];
  }

  /** The next message that the subscriber reads. */
  next(): ObserveResponse['response'] {
    while (this.#ready.length === 0) {
      const batch = this.#queue.take();
      if (batch === undefined) return undefined;
      this.#ready = [...itemMessages(batch, this.#format)];
    }
    const bytes = this.#ready.shift();
    return bytes && ObserveResponse.decode(bytes).response;
  }

  #emptyQueue(): PendingBatches<Item> {
    return new PendingBatches(itemConflation, this.#maxBytes, this.#tuning);
  }

  #missed(position: ObservePosition): readonly Buffer[] {
    const missed = this.#log.filter(({ revision }) => revision > position.revision);
    if (this.#selection.filter === undefined)
      return [...backfillMessages(missed.map(logged), this.#selection, this.#format)];
    const touched = missed.flatMap(({ changes }) => changes.filter(({ kind }) => kind !== 'taskStop'));
    const named = new Map(touched.map((change) => [`${change.kind}/${change.id}`, change]));
    const selected = { selection: this.#selection, commit: this.#last };
    const changes = presentChanges(
      named.values() as Parameters<typeof presentChanges>[0],
      this.cell,
      selected,
    );
    return [
      ...itemMessages(
        changes.map((one) => ({ ...one, isOutOfOrder: true })),
        this.#format,
      ),
    ];
  }
}

function filterOf(criteria: Readonly<Record<string, string>>): CellSelection['filter'] {
  const parsed = parseFilter(criteria);
  if (!('filter' in parsed)) throw new Error(`the criteria are wrong: ${JSON.stringify(criteria)}`);
  return parsed.filter;
}

function bytesOf(message: PendingMessage): Buffer {
  const writer = new FrameWriter(Buffer.alloc(message.byteLength));
  message.writeTo(writer);
  return writer.buffer;
}

const removed = new Uint8Array(0);

/** The commit as the log has it. */
function logged(commit: CommitChanges): MissedCommit {
  const { revision } = commit;
  const changes = commit.changes.map(
    (change) => new StoredChange(change, { revision, bytes: change.after?.bytes ?? removed }),
  );
  return { ...headerOf(commit), changes };
}
