/*
 * One subscriber's stream: a snapshot, its end, then changes. It writes bursts until the stream reports a
 * full buffer, or too many bytes are in flight. It goes on when these have left. New changes wait in the
 * bounded PendingBatches.
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
import type { SilentStream } from './silence.js';

/** The sink of a stream; grpc-js's ServerWritableStream is one. */
export type ByteSink = EncodedSink;

/** Records that may wait for a slow subscriber before later ones replace earlier ones. */
const maxPendingBytes = 1792 * 1024;

/**
 * The limit of bytes in flight. The sink counts messages only, so the stream itself counts bytes, and
 * pauses above the limit.
 */
const maxInFlightBytes = 128 * 1024;

interface ObserveStreamOptions<N> extends ObserveStreamKind<N> {
  readonly sink: ByteSink;
  /** The messages of the first phase. */
  readonly snapshot: InitialMessages;
}

/** The options that the stream needs for all of its life. */
interface ObserveStreamKind<N> {
  readonly tuning: ObserveTuning;
  readonly conflation: BatchConflation<N>;
  /** The bytes of a message, the same for all subscribers; or how several notifications make messages. */
  readonly encode: Packing<N>;
  /** True if the stream ends after the notification. Absent if the stream never ends by itself. */
  readonly isFinal?: ((notification: N) => boolean) | undefined;
  readonly maxPendingBytes?: number;
  /** A clock that only goes forward. */
  readonly nowMs?: () => number;
  /** Called with each batch after its last message has been written. */
  readonly onSent?: (batch: readonly N[]) => void;
}

export class ObserveStream<N> implements Subscriber<N>, SilentStream {
  /** Resolves when the stream has said its last word, rejects when it cannot go on. */
  readonly done: Promise<void>;
  readonly #options: ObserveStreamKind<N>;
  readonly #sink: ByteSink;
  #pending: PendingBatches<N>;
  /** The rest of the batch that is being sent. */
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
    // The kept options must not hold the snapshot: a stream lives for weeks.
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

  /**
   * Returns the age of the oldest unsent change, or the time since written bytes last moved. 0 if
   * everything has been sent.
   */
  lagMs(): number {
    const nowMs = this.#nowMs();
    const oldestAtMs = this.#pending.oldestAtMs ?? nowMs;
    const movedAtMs = this.#inFlightBytes > 0 ? this.#movedAtMs : nowMs;
    return Math.max(0, nowMs - Math.min(oldestAtMs, movedAtMs));
  }

  /** Begins to send. Call it in the turn of the snapshot and the subscription. */
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

  /** Drops all waiting notifications, and goes on with this snapshot. */
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

  /** Continues the first phase: more of its messages are ready. */
  moreReady(): void {
    this.#flush();
  }

  breakSilence(message: MessageBurst, silentMs: number): void {
    const isBusy = this.#snapshot !== undefined || this.#inFlightBytes > 0 || this.#pending.size > 0;
    if (this.#hasEnded || isBusy || this.#nowMs() - this.#movedAtMs < silentMs) return;
    this.#write(message);
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
      // A batch may cancel itself out and have no message. The next batch must not wait for it.
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
      // After an error the socket may still read the burst's memory.
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

/** Returns the batch up to the final notification. */
function upTo<N>(isFinal: ((notification: N) => boolean) | undefined, batch: readonly N[]): readonly N[] {
  const end = isFinal === undefined ? -1 : batch.findIndex(isFinal);
  return end < 0 || end === batch.length - 1 ? batch : batch.slice(0, end + 1);
}

/** Shared by all streams that have nothing to send. */
const nothing: readonly never[] = [];

const monotonicMs = (): number => elapsedMs(systemClock);

function emptyQueue<N>(kind: ObserveStreamKind<N>): PendingBatches<N> {
  return new PendingBatches(kind.conflation, kind.maxPendingBytes ?? maxPendingBytes, kind.tuning);
}
