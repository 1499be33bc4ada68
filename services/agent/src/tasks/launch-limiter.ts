/*
 * Limits the number of containers that the engine creates and starts at one time.
 *
 * Problem: beyond a certain number, more launches in flight only wait for each other inside the engine.
 * Fewer leave the engine idle. No fixed number suits every engine.
 * Figures: 60 containers on an engine that needs 0.9 s for one launch. One by one they take almost a minute.
 * With 8 at one time they take 11.7 s, with 12 they take 9.8 s, with 16 they take 7.8 s. If an engine lacks
 * processor time, few and many in flight differ by a few percent only.
 * Benchmark: `npm run bench -- launch`.
 * Off-switch: `BERTH_AGENT_LAUNCH_LIMIT` sets a fixed limit. The measurements then change nothing.
 * The pure `core/adaptive-limit.ts` decides.
 */
import { type Clock, elapsedMs } from '@berth/shared/process/clock';
import { type AdaptiveLimit, afterLaunch, newAdaptiveLimit } from '../core/adaptive-limit.js';

interface LaunchLimiterOptions {
  readonly clock: Clock;
  /** Absent: the limit follows the engine. */
  readonly fixedLimit?: number | undefined;
  /** Is called with the duration of each launch that succeeded. */
  readonly onLaunch?: ((latencyMs: number) => void) | undefined;
}

/** The right to have one launch under way in the engine. */
export interface LaunchPermit {
  /** Gives the permit back; safe to call again. `isLaunched` is true after a successful launch. */
  release(isLaunched: boolean): void;
}

type PermitCallback = (permit: LaunchPermit) => void;

/** Hands out launch permits in the order of the requests. Their number is limited. */
export class LaunchLimiter {
  readonly #options: LaunchLimiterOptions;
  readonly #queue = new Set<PermitCallback>();
  #state: AdaptiveLimit = newAdaptiveLimit();
  #inFlight = 0;

  constructor(options: LaunchLimiterOptions) {
    this.#options = options;
  }

  get limit(): number {
    return this.#options.fixedLimit ?? this.#state.limit;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  get queued(): number {
    return this.#queue.size;
  }

  /** Returns a permit if one is free and nobody waits for it. */
  tryAcquire(): LaunchPermit | undefined {
    return this.#inFlight < this.limit && this.#queue.size === 0 ? this.#permit() : undefined;
  }

  /** Calls `onPermit` with a permit once it is its turn. The returned function leaves the queue. */
  enqueue(onPermit: PermitCallback): () => void {
    this.#queue.add(onPermit);
    return () => this.#queue.delete(onPermit);
  }

  #permit(): LaunchPermit {
    const { clock } = this.#options;
    const beganMs = elapsedMs(clock);
    const inFlight = ++this.#inFlight;
    let isInUse = true;
    return {
      release: (isLaunched) => {
        if (!isInUse) return;
        isInUse = false;
        this.#inFlight -= 1;
        if (isLaunched) this.#learn(elapsedMs(clock) - beganMs, inFlight);
        this.#serve();
      },
    };
  }

  #learn(latencyMs: number, inFlight: number): void {
    this.#state = afterLaunch(this.#state, { latencyMs, inFlight });
    this.#options.onLaunch?.(latencyMs);
  }

  #serve(): void {
    for (const next of this.#queue) {
      if (this.#inFlight >= this.limit) return;
      this.#queue.delete(next);
      next(this.#permit());
    }
  }
}
