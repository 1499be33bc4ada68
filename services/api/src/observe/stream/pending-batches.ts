import { AgeHistogram } from '../../tuning/age-histogram.js';
import type { ObserveTuning } from '../../tuning/observe-tuning.js';
import type { BatchConflation } from './core/conflation.js';
import { PendingChanges } from './core/pending-changes.js';

/** The tuning that a queue needs. */
type QueueTuning = Pick<ObserveTuning, 'memoize' | 'agesPerQueue'>;

/** Conflated notifications that are taken out at once. */
const takenAtOnce = 64;

/**
 * The batches that one subscriber has not been sent yet. While it keeps up, it shares them with all other
 * subscribers, and a batch costs it one pointer. Past `maxBytes` batches are taken apart, and later
 * notifications replace earlier ones.
 */
export class PendingBatches<N> {
  readonly #conflation: BatchConflation<N>;
  readonly #maxBytes: number;
  readonly #tuning: QueueTuning;
  /**
   * The next batch. Most queues hold one batch at most, and thousands hold none for hours. So these have no
   * array.
   */
  #first: QueuedBatch<N> | undefined;
  #others: QueuedBatch<N>[] | undefined;
  #count = 0;
  #bytes = 0;
  #conflated: PendingChanges<N> | undefined;
  #ages: AgeHistogram | undefined;
  /** Marks that came while the queue is conflated. */
  #marks: N[] | undefined;

  constructor(conflation: BatchConflation<N>, maxBytes: number, tuning: QueueTuning) {
    this.#conflation = conflation;
    this.#maxBytes = maxBytes;
    this.#tuning = tuning;
  }

  /** Notifications that wait. */
  get size(): number {
    return this.#conflated === undefined ? this.#count : this.#conflated.size + (this.#marks?.length ?? 0);
  }

  /** The time at which the next batch was added, or an earlier time. Undefined if none waits. */
  get oldestAtMs(): number | undefined {
    if (this.#conflated === undefined) return this.#first?.atMs;
    const position = this.#conflated.firstPosition;
    return position === undefined ? undefined : this.#ages?.at(position);
  }

  /** Adds a batch. It must not change any more. */
  add(batch: readonly N[], nowMs = 0): void {
    if (this.#conflated !== undefined) {
      this.#ages?.add(this.#conflated.lastPlace + 1, nowMs);
      this.#addConflated(this.#conflated, batch);
      return;
    }
    const waiting = { batch, atMs: nowMs };
    if (this.#first === undefined) this.#first = waiting;
    else {
      this.#others ??= [];
      this.#others.push(waiting);
    }
    this.#count += batch.length;
    this.#bytes += this.#sizeOf(batch);
    if (this.#bytes > this.#maxBytes) this.#takeApart();
  }

  /** Removes and returns the next batch as it was added, or some notifications of it. */
  take(): readonly N[] | undefined {
    if (this.#conflated !== undefined) return this.#takeConflated(this.#conflated);
    if (this.#first === undefined) return undefined;
    const { batch } = this.#first;
    this.#first = this.#others?.shift();
    if (this.#first === undefined) this.#others = undefined;
    this.#count -= batch.length;
    this.#bytes -= this.#sizeOf(batch);
    return batch;
  }

  /** Many subscribers share a batch, and each of them needs this sum. */
  #sizeOf(batch: readonly N[]): number {
    const conflation = this.#conflation;
    return this.#tuning.memoize(batch, conflation, () =>
      batch.reduce((sum, notification) => sum + conflation.sizeOf(notification), 0),
    );
  }

  #takeApart(): void {
    const conflated = new PendingChanges(this.#conflation, this.#maxBytes);
    const ages = new AgeHistogram(this.#tuning.agesPerQueue);
    const waiting = this.#first === undefined ? [] : [this.#first, ...(this.#others ?? [])];
    for (const { batch, atMs } of waiting) {
      ages.add(conflated.lastPlace + 1, atMs);
      this.#addConflated(conflated, batch);
    }
    this.#conflated = conflated;
    this.#ages = ages;
    this.#first = undefined;
    this.#others = undefined;
    this.#count = 0;
    this.#bytes = 0;
  }

  #addConflated(conflated: PendingChanges<N>, batch: readonly N[]): void {
    const { isMarker } = this.#conflation;
    for (const notification of batch) {
      if (isMarker?.(notification)) {
        this.#marks ??= [];
        this.#marks.push(notification);
      } else conflated.add(notification);
    }
  }

  #takeConflated(conflated: PendingChanges<N>): readonly N[] {
    const { outOfOrder = (notification: N) => notification } = this.#conflation;
    const taken: N[] = [];
    while (taken.length < takenAtOnce) {
      const next = conflated.take();
      if (next === undefined) break;
      taken.push(outOfOrder(next));
    }
    if (conflated.size === 0) this.#catchUp(taken);
    return taken;
  }

  /** A subscriber that has caught up shares batches again. */
  #catchUp(taken: N[]): void {
    this.#conflated = undefined;
    this.#ages = undefined;
    const last = taken.at(-1);
    const caughtUp = last === undefined ? undefined : this.#conflation.caughtUp?.(last);
    if (caughtUp !== undefined) taken.push(caughtUp);
    const marks = this.#marks ?? [];
    const { late = (mark: N) => mark } = this.#conflation;
    taken.push(...(last === undefined ? marks : marks.map((mark) => late(mark, last))));
    this.#marks = undefined;
  }
}

/** A batch, and when it was taken in. */
interface QueuedBatch<N> {
  readonly batch: readonly N[];
  readonly atMs: number;
}
