/*
 * One subscriber's stream: snapshot, snapshotEnd, changes. It writes until the stream says that its buffer is full, and goes
 * on at `drain`; what happens meanwhile waits in PendingChanges, which bounds it.
 */
import type { BerthError } from '@berth/shared/model/errors';
import { type JobView, type Notification, splitTasks } from './core/observe.js';
import { PendingChanges } from './core/pending-changes.js';
import { notificationBytes, snapshotBytes, snapshotEndBytes } from './observe-encoding.js';
import type { Subscriber } from './observe-hub.js';

/** What a stream must be able to do; grpc-js's ServerWritableStream does. */
export interface ByteSink {
  /** False when nothing more should be written until `drain`. `onFlushed` is called once the bytes have left the process. */
  write(bytes: Buffer, onFlushed?: () => void): boolean;
  on(event: 'drain', listener: () => void): unknown;
  off(event: 'drain', listener: () => void): unknown;
}

/** Records that may wait for a slow subscriber before later ones replace earlier ones. */
export const maxPendingBytes = 1024 * 1024;

/** The greatest first message of a job; what does not fit follows. gRPC clients refuse messages of more than 4 MiB. */
export const maxSnapshotBytes = 3 * 1024 * 1024;

/** The sink counts messages, not bytes: after one of this size nothing more is written until it has left. */
const largeMessageBytes = 64 * 1024;

export interface ObserveStreamOptions {
  readonly sink: ByteSink;
  /** The jobs to begin with. */
  readonly snapshot: readonly JobView[];
  /** Ends the stream after the end of its job. */
  readonly endsWithJob: boolean;
  readonly maxPendingBytes?: number;
  readonly maxSnapshotBytes?: number;
}

export class ObserveStream implements Subscriber {
  /** Resolves when the stream has said its last word, rejects when it cannot go on. */
  readonly done: Promise<void>;
  readonly #sink: ByteSink;
  readonly #endsWithJob: boolean;
  readonly #snapshot: Iterator<Buffer>;
  readonly #pending: PendingChanges;
  #isSnapshotDone = false;
  #isFull = false;
  #isLastWord = false;
  #hasEnded = false;
  #settle: { resolve: () => void; reject: (error: unknown) => void } | undefined;

  constructor(options: ObserveStreamOptions) {
    this.#sink = options.sink;
    this.#endsWithJob = options.endsWithJob;
    this.#pending = new PendingChanges(options.maxPendingBytes ?? maxPendingBytes);
    this.#snapshot = snapshotMessages(options.snapshot, options.maxSnapshotBytes ?? maxSnapshotBytes);
    this.done = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    this.#sink.on('drain', this.#onDrain);
  }

  /** Changes that wait to be sent. */
  get pending(): number {
    return this.#pending.size;
  }

  /** Begins to send. To be called in the same turn in which the snapshot was taken and the subscription made. */
  start(): void {
    this.#flush();
  }

  offer(notifications: readonly Notification[]): void {
    if (this.#hasEnded) return;
    for (const notification of notifications) this.#pending.add(notification);
    this.#flush();
  }

  fail(error: BerthError): void {
    this.stop(error);
  }

  /** Sends nothing more; `done` rejects with the reason. */
  stop(reason: unknown): void {
    if (!this.#leave()) return;
    this.#settle?.reject(reason);
  }

  readonly #onDrain = (): void => {
    this.#isFull = false;
    this.#flush();
  };

  #flush(): void {
    while (!this.#isFull && !this.#hasEnded) {
      const bytes = this.#isSnapshotDone ? this.#nextChange() : this.#nextOfSnapshot();
      if (bytes === undefined) return;
      this.#write(bytes);
      if (this.#isLastWord) this.#finish();
    }
  }

  #nextOfSnapshot(): Buffer | undefined {
    const { done, value } = this.#snapshot.next();
    if (done !== true) return value;
    this.#isSnapshotDone = true;
    return this.#nextChange();
  }

  #nextChange(): Buffer | undefined {
    const notification = this.#pending.take();
    if (notification === undefined) return undefined;
    this.#isLastWord = this.#endsWithJob && notification.kind === 'finished';
    return notificationBytes(notification);
  }

  #write(bytes: Buffer): void {
    if (bytes.length < largeMessageBytes) {
      this.#isFull = !this.#sink.write(bytes);
      return;
    }
    this.#isFull = true;
    this.#sink.write(bytes, this.#onDrain);
  }

  #finish(): void {
    if (this.#leave()) this.#settle?.resolve();
  }

  #leave(): boolean {
    if (this.#hasEnded) return false;
    this.#hasEnded = true;
    this.#sink.off('drain', this.#onDrain);
    return true;
  }
}

/** Each job with its tasks, and the mark that they were all. Messages are made one by one, as the sink takes them. */
function* snapshotMessages(jobs: readonly JobView[], maxBytes: number): Generator<Buffer, void> {
  for (const view of jobs) {
    const { within, following } = splitTasks(view, maxBytes);
    yield snapshotBytes(view, within);
    for (const task of following) yield notificationBytes({ kind: 'task', jobId: view.job.id, task });
  }
  yield snapshotEndBytes;
}
