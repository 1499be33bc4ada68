import type { Notification } from './observe.js';

/**
 * What one subscriber has not been sent yet, in order. Up to a bound every notification is kept; past it, a later one
 * replaces the waiting one of the same entity and goes to the end, so that the queue holds at most one more pointer
 * for each entity. Nothing that is final is ever lost: a task's last state and a job's end replace, and are not replaced.
 */
export class PendingChanges {
  readonly #maxBytes: number;
  /** By a number that grows: a Map keeps its order, and gives up any entry in constant time. */
  readonly #queue = new Map<number, Notification>();
  /** The place of each entity's newest notification in the queue. */
  readonly #newest = new Map<string, number>();
  /** The places of jobs' first definitions. */
  readonly #openings = new Set<number>();
  #last = 0;
  #bytes = 0;

  /** `maxBytes` of records are kept before notifications begin to replace one another. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get size(): number {
    return this.#queue.size;
  }

  /** Whether later notifications replace earlier ones at present. */
  get isConflating(): boolean {
    return this.#bytes > this.#maxBytes;
  }

  add(notification: Notification): void {
    const key = keyOf(notification);
    const waiting = this.isConflating ? this.#newest.get(key) : undefined;
    // Nothing of a job may be told before its first definition, so a newer one takes its place.
    if (waiting !== undefined && this.#openings.has(waiting)) return this.#put(waiting, notification);
    if (waiting !== undefined) this.#drop(waiting);
    this.#last += 1;
    if (notification.kind === 'definition' && notification.isFirst) this.#openings.add(this.#last);
    this.#put(this.#last, notification);
    this.#newest.set(key, this.#last);
  }

  /** Takes out the next notification to send. */
  take(): Notification | undefined {
    const { done, value } = this.#queue.entries().next();
    if (done === true) return undefined;
    const [place, notification] = value;
    this.#drop(place);
    const key = keyOf(notification);
    if (this.#newest.get(key) === place) this.#newest.delete(key);
    return notification;
  }

  /** Puts it in the place, instead of what stands there. */
  #put(place: number, notification: Notification): void {
    const before = this.#queue.get(place);
    this.#queue.set(place, notification);
    this.#bytes += sizeOf(notification) - (before === undefined ? 0 : sizeOf(before));
  }

  #drop(place: number): void {
    const before = this.#queue.get(place);
    if (before === undefined) return;
    this.#queue.delete(place);
    this.#openings.delete(place);
    this.#bytes -= sizeOf(before);
  }
}

/** The entity that a notification speaks of. A job's end is kept apart from its definition: both must arrive. */
function keyOf(notification: Notification): string {
  switch (notification.kind) {
    case 'definition':
      return `job/${notification.jobId}`;
    case 'task':
      return `task/${notification.task.id}`;
    case 'finished':
      return `finished/${notification.jobId}`;
  }
}

/** Roughly what the notification keeps in memory. */
function sizeOf(notification: Notification): number {
  switch (notification.kind) {
    case 'definition':
      return notification.job.bytes.length;
    case 'task':
      return notification.task.bytes.length;
    case 'finished':
      return notification.jobId.length;
  }
}
