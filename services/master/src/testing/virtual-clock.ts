import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock } from '@berth/shared/process/clock';
import { t0 } from './fixtures.js';

interface Sleeper {
  readonly atMs: number;
  readonly wake: () => void;
}

/** After this many turns of the event loop nothing more happens by itself; work in memory takes far fewer. */
const settlingTurns = 25;

/** A clock that stands still until a test moves it. */
export class VirtualClock implements Clock {
  readonly #sleepers = new Set<Sleeper>();
  #nowMs: number;

  constructor(nowMs = t0) {
    this.#nowMs = nowMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted || ms <= 0) return resolve();
      const wake = () => {
        this.#sleepers.delete(sleeper);
        signal?.removeEventListener('abort', wake);
        resolve();
      };
      const sleeper = { atMs: this.#nowMs + ms, wake };
      this.#sleepers.add(sleeper);
      signal?.addEventListener('abort', wake, { once: true });
    });
  }

  /** Moves on by `ms`. It wakes each sleeper at its time, and lets the effects settle before the next. */
  async advance(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms;
    await settle();
    for (let next = this.#next(endMs); next !== undefined; next = this.#next(endMs)) {
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.wake();
      await settle();
    }
    this.#nowMs = endMs;
  }

  /** Moves on at once, as when the machine was suspended, and then wakes the sleepers that are due. */
  async jump(ms: number): Promise<void> {
    this.#nowMs += ms;
    for (const sleeper of [...this.#sleepers]) if (sleeper.atMs <= this.#nowMs) sleeper.wake();
    await settle();
  }

  #next(untilMs: number): Sleeper | undefined {
    let next: Sleeper | undefined;
    for (const sleeper of this.#sleepers) {
      if (sleeper.atMs <= untilMs && (next === undefined || sleeper.atMs < next.atMs)) next = sleeper;
    }
    return next;
  }
}

/** Lets everything happen that needs no time to pass. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < settlingTurns; turn++) await nextTurn();
}
