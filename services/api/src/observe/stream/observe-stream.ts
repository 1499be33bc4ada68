/*
 * One subscriber's stream: snapshot, its end, changes. It writes in bursts until the stream says that its buffer is full,
 * or too many bytes are on their way, and goes on when they have left; what happens meanwhile waits in PendingBatches,
 * which bounds it.
 */
import type { BerthError } from '@berth/shared/model/errors/errors';
import { elapsedMs, systemClock } from '@berth/shared/process/clock';
import type { EncodedSink } from '@berth/shared/rpc/streaming/direct-sink';
import type { MessageBurst } from '@berth/shared/rpc/streaming/message-burst';
import type { ObserveTuning } from '../../tuning/observe-tuning.js';
import { type InitialMessages, notReady } from '../snapshot/initial-messages.js';
import { nextSnapshotBurst } from '../snapshot/snapshot-burst.js';
import type { BatchConflation } from './core/conflation.js';
import { type Packing, packedBatch } from './message-packing.js';
import type { Subscriber } from './observe-hub.js';
import { PendingBatches } from './pending-batches.js';

/** What a stream must be able to do; grpc-js's ServerWritableStream does. */
export type ByteSink = EncodedSink;

/** Records that may wait for a slow subscriber before later ones replace earlier ones. */
export const maxPendingBytes = 1792 * 1024;

/** The greatest message of a snapshot; what does not fit follows. gRPC clients refuse messages of more than 4 MiB. */
export const maxSnapshotBytes = 3 * 1024 * 1024;

/** The sink counts messages, not bytes: with more than this on the way nothing is written until some have left. */
const maxInFlightBytes = 128 * 1024;

export interface ObserveStreamOptions<N> extends ObserveStreamKind<N> {
  readonly sink: ByteSink;
  /** What to begin with. */
  readonly snapshot: InitialMessages;
}

/** What stays as it is while the stream lives. */
interface ObserveStreamKind<N> {
  readonly tuning: ObserveTuning;
  readonly conflation: BatchConflation<N>;
  /** The bytes of a message, the same for all subscribers; or how several notifications make messages. */
  readonly encode: Packing<N>;
  /** Whether the stream ends after this; absent where it never does. */
  readonly isFinal?: ((notification: N) => boolean) | undefined;
  readonly maxPendingBytes?: number;
  /** A clock that only goes forward. */
  readonly nowMs?: () => number;
  /** Told of each batch whose last message has been written. */
  readonly onSent?: (batch: readonly N[]) => void;
}

export class ObserveStream<N> implements Subscriber<N> {
  /** Resolves when the stream has said its last word, rejects when it cannot go on. */
  readonly done: Promise<void>;
  readonly #options: ObserveStreamKind<N>;
  readonly #sink: ByteSink;
  #pending: PendingBatches<N>;
  /** What is left of the batch that is being sent. */
  #batch: readonly N[] = nothing;
  #bursts: readonly MessageBurst[] = nothing;
  #nextBurst = 0;
  #snapshot: InitialMessages | undefined;
  #isFull = false;
  #inFlightBytes = 0;
  /** When something that had been written last left the process, or began to wait to. */
  #movedAtMs = 0;
  #hasEnded = false;
  #resolve: (() => void) | undefined;
  #reject: ((error: unknown) => void) | undefined;

  constructor(options: ObserveStreamOptions<N>) {
    const { sink, snapshot, ...kind } = options;
    // What is kept must not hold on to the snapshot once it has been sent: a stream lives for weeks.
    this.#options = kind;
    this.#sink = kind.tuning.sink(sink);
    this.#snapshot = snapshot;
    this.#pending = emptyQueue(kind);
    this.done = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#sink.on('drain', this.#onDrain);
  }

  /** Changes that wait to be sent. */
  get pending(): number {
    return this.#pending.size;
  }

  /** How long the oldest change has waited to be sent, or what was written has not moved; 0 for who has it all. */
  lagMs(): number {
    const nowMs = this.#nowMs();
    const oldestAtMs = this.#pending.oldestAtMs ?? nowMs;
    const movedAtMs = this.#inFlightBytes > 0 ? this.#movedAtMs : nowMs;
    return Math.max(0, nowMs - Math.min(oldestAtMs, movedAtMs));
  }

  /** Begins to send. To be called in the same turn in which the snapshot was taken and the subscription made. */
  start(): void {
    this.#flush();
  }

  offer(notifications: readonly N[]): void {
    if (this.#hasEnded || notifications.length === 0) return;
    this.#pending.add(notifications, this.#nowMs());
    this.#flush();
  }

  fail(error: BerthError): void {
    this.stop(error);
  }

  /** Forgets what waits, and goes on with this snapshot. */
  restart(snapshot: InitialMessages): void {
    if (this.#hasEnded) {
      snapshot.return?.();
      return;
    }
    this.#pending = emptyQueue(this.#options);
    this.#batch = nothing;
    this.#bursts = nothing;
    this.#nextBurst = 0;
    this.#snapshot?.return?.();
    this.#snapshot = snapshot;
    this.#flush();
  }

  /** There is more of what the stream begins with. */
  moreReady(): void {
    this.#flush();
  }

  /** Sends nothing more; `done` rejects with the reason. */
  stop(reason: unknown): void {
    if (!this.#leave()) return;
    this.#reject?.(reason);
  }

  readonly #onDrain = (): void => {
    this.#isFull = false;
    this.#flush();
  };

  #flush(): void {
    while (!this.#hasEnded && !this.#isFull && this.#inFlightBytes < maxInFlightBytes / 2) {
      const burst = this.#next();
      if (burst === undefined) return;
      this.#write(burst);
      if (this.#nextBurst === this.#bursts.length && this.#batch.length > 0) this.#batchSent();
    }
  }

  #next(): MessageBurst | undefined {
    if (this.#snapshot !== undefined) {
      const { tuning } = this.#options;
      if (!tuning.snapshotBudget.mayGoOn(() => this.#flush())) return undefined;
      const burst = nextSnapshotBurst(this.#snapshot, tuning);
      if (burst === notReady) return undefined;
      if (burst !== undefined) {
        tuning.snapshotBudget.spend(burst.byteLength);
        return burst;
      }
      this.#snapshot = undefined;
    }
    while (this.#nextBurst >= this.#bursts.length) {
      this.#takeBatch();
      if (this.#batch.length === 0) return undefined;
      // It may cancel itself out: what comes after it must not wait.
      if (this.#bursts.length === 0) this.#batchSent();
      if (this.#hasEnded) return undefined;
    }
    const burst = this.#bursts[this.#nextBurst];
    if (burst !== undefined) this.#nextBurst += 1;
    return burst;
  }

  #takeBatch(): void {
    this.#batch = upTo(this.#options.isFinal, this.#pending.take() ?? nothing);
    this.#bursts =
      this.#batch.length === 0
        ? nothing
        : packedBatch(this.#batch, this.#options.encode, this.#options.tuning);
    this.#nextBurst = 0;
  }

  #batchSent(): void {
    const batch = this.#batch;
    const last = batch.at(-1);
    this.#batch = nothing;
    this.#bursts = nothing;
    this.#nextBurst = 0;
    this.#options.onSent?.(batch);
    if (last !== undefined && this.#options.isFinal?.(last) === true) this.#finish();
  }

  #write(burst: MessageBurst): void {
    const { byteLength } = burst;
    if (this.#inFlightBytes === 0) this.#movedAtMs = this.#nowMs();
    this.#inFlightBytes += byteLength;
    this.#isFull = !this.#sink.write(burst, (error) => {
      // Of what failed it is not known whether somebody still looks at it.
      if (!error) burst.release?.();
      this.#inFlightBytes -= byteLength;
      this.#movedAtMs = this.#nowMs();
      this.#flush();
    });
  }

  #nowMs(): number {
    return (this.#options.nowMs ?? monotonicMs)();
  }

  #finish(): void {
    if (this.#leave()) this.#resolve?.();
  }

  #leave(): boolean {
    if (this.#hasEnded) return false;
    this.#hasEnded = true;
    this.#bursts = nothing;
    this.#snapshot?.return?.();
    this.#snapshot = undefined;
    this.#sink.off('drain', this.#onDrain);
    return true;
  }
}

/** The batch without what comes after the last word. */
function upTo<N>(isFinal: ((notification: N) => boolean) | undefined, batch: readonly N[]): readonly N[] {
  const end = isFinal === undefined ? -1 : batch.findIndex(isFinal);
  return end < 0 || end === batch.length - 1 ? batch : batch.slice(0, end + 1);
}

/** Shared by all streams that have nothing to send. */
const nothing: readonly never[] = [];

const monotonicMs = (): number => elapsedMs(systemClock);

function emptyQueue<N>({ conflation, maxPendingBytes: maxBytes }: ObserveStreamKind<N>): PendingBatches<N> {
  return new PendingBatches(conflation, maxBytes ?? maxPendingBytes);
}
