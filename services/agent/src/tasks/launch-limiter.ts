import { type Clock, elapsedMs } from '@berth/shared/process/clock';
import { type AdaptiveLimit, afterLaunch, newAdaptiveLimit } from '../core/adaptive-limit.js';

/** The right to have one launch under way in the engine. */
export interface LaunchPermit {
  /** Gives the slot back; `isLaunched` says that the container was created and started under it. Safe to call again. */
  release(isLaunched: boolean): void;
}

type PermitCallback = (permit: LaunchPermit) => void;

/** Hands out launch slots, first come first served, as many at a time as the engine has shown to bear. */
export class LaunchLimiter {
  readonly #clock: Clock;
  readonly #onLaunch: (latencyMs: number) => void;
  readonly #queue = new Set<PermitCallback>();
  #state: AdaptiveLimit = newAdaptiveLimit();
  #inFlight = 0;

  constructor(clock: Clock, onLaunch: (latencyMs: number) => void = () => undefined) {
    this.#clock = clock;
    this.#onLaunch = onLaunch;
  }

  get limit(): number {
    return this.#state.limit;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  get queued(): number {
    return this.#queue.size;
  }

  /** A slot, if one is free and nobody waits for it. */
  tryAcquire(): LaunchPermit | undefined {
    return this.#inFlight < this.limit && this.#queue.size === 0 ? this.#permit() : undefined;
  }

  /** Calls `onSlot` with a slot once it is this one's turn; the result leaves the queue. */
  enqueue(onPermit: PermitCallback): () => void {
    this.#queue.add(onPermit);
    return () => this.#queue.delete(onPermit);
  }

  #permit(): LaunchPermit {
    const beganMs = elapsedMs(this.#clock);
    const inFlight = ++this.#inFlight;
    let isInUse = true;
    return {
      release: (isLaunched) => {
        if (!isInUse) return;
        isInUse = false;
        this.#inFlight -= 1;
        if (isLaunched) this.#learn(elapsedMs(this.#clock) - beganMs, inFlight);
        this.#serve();
      },
    };
  }

  #learn(latencyMs: number, inFlight: number): void {
    this.#state = afterLaunch(this.#state, { latencyMs, inFlight });
    this.#onLaunch(latencyMs);
  }

  #serve(): void {
    for (const next of this.#queue) {
      if (this.#inFlight >= this.limit) return;
      this.#queue.delete(next);
      next(this.#permit());
    }
  }
}
