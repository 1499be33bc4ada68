import type { Conflation } from './conflation.js';

/**
 * The notifications that one subscriber has not been sent yet, in order. Up to a bound it keeps all. Past
 * the bound, a later notification replaces the waiting one of the same entity and goes to the end, so the
 * queue holds at most one more pointer for each entity. It never loses a final state: the last state of a
 * task, and the end of a job, replace others and are not replaced.
 */
export class PendingChanges<N> {
  readonly #conflation: Conflation<N>;
  readonly #maxBytes: number;
  /** By a number that grows: a Map keeps its order, and gives up any entry in constant time. */
  readonly #queue = new Map<number, N>();
  /** The position of each subject's newest notification in the queue. */
  readonly #newest = new Map<string, number>();
  /** The positions of openings. */
  readonly #openings = new Set<number>();
  #last = 0;
  #bytes = 0;

  /** `maxBytes` of records are kept before notifications begin to replace one another. */
  constructor(conflation: Conflation<N>, maxBytes: number) {
    this.#conflation = conflation;
    this.#maxBytes = maxBytes;
  }

  get size(): number {
    return this.#queue.size;
  }

  /** The position of the next notification. Undefined if none waits. Positions only grow. */
  get firstPosition(): number | undefined {
    return this.#queue.keys().next().value;
  }

  /** The position that was filled last. */
  get lastPlace(): number {
    return this.#last;
  }

  /** True if later notifications replace earlier ones at present. */
  get isConflating(): boolean {
    return this.#bytes > this.#maxBytes;
  }

  add(notification: N): void {
    const key = this.#conflation.subjectOf(notification);
    const closed = this.#conflation.closes?.(notification);
    const opening = closed === undefined ? undefined : this.#newest.get(closed);
    if (opening !== undefined) this.#openings.delete(opening);
    const waiting = this.isConflating ? this.#newest.get(key) : undefined;
    // The opening of an entity must stay its first notification, so a newer one replaces it in place.
    if (waiting !== undefined && this.#openings.has(waiting)) return this.#put(waiting, notification);
    if (waiting !== undefined) this.#drop(waiting);
    this.#last += 1;
    if (this.#conflation.isOpening(notification)) this.#openings.add(this.#last);
    this.#put(this.#last, notification);
    this.#newest.set(key, this.#last);
  }

  /** Takes out the next notification to send. */
  take(): N | undefined {
    const { done, value } = this.#queue.entries().next();
    if (done === true) return undefined;
    const [position, notification] = value;
    this.#drop(position);
    const key = this.#conflation.subjectOf(notification);
    if (this.#newest.get(key) === position) this.#newest.delete(key);
    return notification;
  }

  /** Replaces the notification at the position. */
  #put(position: number, notification: N): void {
    const { sizeOf } = this.#conflation;
    const before = this.#queue.get(position);
    this.#queue.set(position, notification);
    this.#bytes += sizeOf(notification) - (before === undefined ? 0 : sizeOf(before));
  }

  #drop(position: number): void {
    const before = this.#queue.get(position);
    if (before === undefined) return;
    this.#queue.delete(position);
    this.#openings.delete(position);
    this.#bytes -= this.#conflation.sizeOf(before);
  }
}
