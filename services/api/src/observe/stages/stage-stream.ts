import { elapsedMs, systemClock } from '@berth/shared/process/clock';
import type { MessageBurst } from '@berth/shared/rpc/streaming/message-burst';
import type { Encoded } from '@berth/shared/rpc/streaming/pass-through';
import type { ByteSink } from '../stream/observe-stream.js';
import type { SilentStream } from '../stream/silence.js';
import type { StageWatcher } from './stage-status.js';

/**
 * One reader of stages. A newer status of a stage replaces one that was not read yet, so at most one
 * message waits for each stage.
 */
export class StageStream implements StageWatcher, SilentStream {
  /** Resolves when the job has ended and everything was written, rejects when the stream was stopped. */
  readonly done: Promise<void>;
  readonly #sink: ByteSink;
  readonly #stages: ReadonlySet<number>;
  readonly #waiting = new Map<number, Buffer>();
  #isFull = false;
  #isEnding = false;
  #wroteAtMs = elapsedMs(systemClock);
  #settle: { resolve: () => void; reject: (error: unknown) => void } | undefined;

  constructor(sink: ByteSink, stages: ReadonlySet<number>) {
    this.#sink = sink;
    this.#stages = stages;
    this.done = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    this.#sink.on('drain', this.#onDrain);
  }

  /** Stages that wait to be written. */
  get pending(): number {
    return this.#waiting.size;
  }

  show(stage: number, bytes: Buffer): void {
    if (!this.#stages.has(stage)) return;
    this.#waiting.set(stage, bytes);
    this.#flush();
  }

  breakSilence(message: MessageBurst, silentMs: number): void {
    const isBusy = this.#isFull || this.#isEnding || this.#waiting.size > 0;
    if (isBusy || elapsedMs(systemClock) - this.#wroteAtMs < silentMs) return;
    this.#write(message);
  }

  end(): void {
    this.#isEnding = true;
    this.#flush();
  }

  /** Writes nothing more; `done` rejects with the reason. */
  stop(reason: unknown): void {
    this.#waiting.clear();
    this.#isFull = true;
    this.#sink.off('drain', this.#onDrain);
    this.#settle?.reject(reason);
  }

  readonly #onDrain = (): void => {
    this.#isFull = false;
    this.#flush();
  };

  #flush(): void {
    for (const [stage, bytes] of this.#waiting) {
      if (this.#isFull) return;
      this.#waiting.delete(stage);
      this.#write(bytes);
    }
    if (!this.#isEnding || this.#waiting.size > 0) return;
    this.#sink.off('drain', this.#onDrain);
    this.#settle?.resolve();
  }

  #write(message: Encoded): void {
    this.#wroteAtMs = elapsedMs(systemClock);
    this.#isFull = !this.#sink.write(message);
  }
}
