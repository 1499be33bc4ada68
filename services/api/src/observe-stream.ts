/*
 * One subscriber's stream: snapshot, its end, changes. It writes in bursts until the stream says that its buffer is full,
 * or too many bytes are on their way, and goes on when they have left; what happens meanwhile waits in PendingBatches,
 * which bounds it.
 */
import type { BerthError } from '@berth/shared/model/errors';
import type { Encoded } from '@berth/shared/rpc/fan-out';
import { type BatchConflation, PendingBatches } from './core/pending-batches.js';
import { nextBurst, type Packing, packedBatch } from './message-packing.js';
import type { Subscriber } from './observe-hub.js';

/** What a stream must be able to do; grpc-js's ServerWritableStream does. */
export interface ByteSink {
  /** False when nothing more should be written until `drain`. `onFlushed` is called once the bytes have left the process. */
  write(message: Encoded, onFlushed?: () => void): boolean;
  on(event: 'drain', listener: () => void): unknown;
  off(event: 'drain', listener: () => void): unknown;
}

/** Records that may wait for a slow subscriber before later ones replace earlier ones. */
export const maxPendingBytes = 1024 * 1024;

/** The greatest message of a snapshot; what does not fit follows. gRPC clients refuse messages of more than 4 MiB. */
export const maxSnapshotBytes = 3 * 1024 * 1024;

/** The sink counts messages, not bytes: with more than this on the way nothing is written until some have left. */
const maxInFlightBytes = 128 * 1024;

export interface ObserveStreamOptions<N> {
  readonly sink: ByteSink;
  /** The messages to begin with, taken one by one as the sink takes them. */
  readonly snapshot: Iterator<Buffer>;
  readonly conflation: BatchConflation<N>;
  /** The bytes of a message, the same for all subscribers; or how several notifications make messages. */
  readonly encode: Packing<N>;
  /** Whether the stream ends after this. */
  readonly isLastWord: (notification: N) => boolean;
  readonly maxPendingBytes?: number;
  /** Told of each batch whose last message has been written. */
  readonly onSent?: (batch: readonly N[]) => void;
}

export class ObserveStream<N> implements Subscriber<N> {
  /** Resolves when the stream has said its last word, rejects when it cannot go on. */
  readonly done: Promise<void>;
  readonly #options: ObserveStreamOptions<N>;
  readonly #sink: ByteSink;
  #pending: PendingBatches<N>;
  /** What is left of the batch that is being sent. */
  #batch: readonly N[] = [];
  #bursts: readonly Encoded[] = [];
  #nextBurst = 0;
  #snapshot: Iterator<Buffer> | undefined;
  #isFull = false;
  #inFlightBytes = 0;
  #hasEnded = false;
  #settle: { resolve: () => void; reject: (error: unknown) => void } | undefined;

  constructor(options: ObserveStreamOptions<N>) {
    this.#options = options;
    this.#sink = options.sink;
    this.#snapshot = options.snapshot;
    this.#pending = emptyQueue(options);
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

  offer(notifications: readonly N[]): void {
    if (this.#hasEnded || notifications.length === 0) return;
    this.#pending.add(notifications);
    this.#flush();
  }

  fail(error: BerthError): void {
    this.stop(error);
  }

  /** Forgets what waits, and goes on with this snapshot. */
  restart(snapshot: Iterator<Buffer>): void {
    if (this.#hasEnded) return;
    this.#pending = emptyQueue(this.#options);
    this.#batch = [];
    this.#bursts = [];
    this.#nextBurst = 0;
    this.#snapshot = snapshot;
    this.#flush();
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
    while (!this.#hasEnded && !this.#isFull && this.#inFlightBytes < maxInFlightBytes / 2) {
      const message = this.#next();
      if (message === undefined) return;
      this.#write(message);
      if (this.#nextBurst === this.#bursts.length && this.#batch.length > 0) this.#batchSent();
    }
  }

  #next(): Encoded | undefined {
    if (this.#snapshot !== undefined) {
      const burst = nextBurst(this.#snapshot);
      if (burst !== undefined) return burst;
      this.#snapshot = undefined;
    }
    if (this.#nextBurst >= this.#bursts.length) this.#takeBatch();
    const burst = this.#bursts[this.#nextBurst];
    if (burst !== undefined) this.#nextBurst += 1;
    return burst;
  }

  #takeBatch(): void {
    this.#batch = this.#pending.take() ?? [];
    this.#bursts = this.#batch.length === 0 ? [] : packedBatch(this.#batch, this.#options.encode);
    this.#nextBurst = 0;
  }

  #batchSent(): void {
    const batch = this.#batch;
    const last = batch.at(-1);
    this.#batch = [];
    this.#options.onSent?.(batch);
    if (last !== undefined && this.#options.isLastWord(last)) this.#finish();
  }

  #write(message: Encoded): void {
    const { byteLength } = message;
    this.#inFlightBytes += byteLength;
    this.#isFull = !this.#sink.write(message, () => {
      this.#inFlightBytes -= byteLength;
      this.#flush();
    });
  }

  #finish(): void {
    if (this.#leave()) this.#settle?.resolve();
  }

  #leave(): boolean {
    if (this.#hasEnded) return false;
    this.#hasEnded = true;
    this.#bursts = [];
    this.#sink.off('drain', this.#onDrain);
    return true;
  }
}

function emptyQueue<N>({
  conflation,
  maxPendingBytes: maxBytes,
}: ObserveStreamOptions<N>): PendingBatches<N> {
  return new PendingBatches(conflation, maxBytes ?? maxPendingBytes);
}
