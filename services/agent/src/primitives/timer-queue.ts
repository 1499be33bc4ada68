import { type Clock, elapsedMs } from '@berth/shared/process/clock';

interface QueuedTimer {
  /** An elapsed time: putting the clock back must not delay a timer that is set. */
  readonly dueMs: number;
  /** Timers of the same time run in the order of their setting. */
  readonly order: number;
  run: (() => void) | undefined;
}

/** Cancels a timer. Has no effect once it has run. */
export type Cancel = () => void;

/**
 * Many timers that share one timer of the system. The timers of thousands of tasks cost no more than the
 * nearest one.
 */
export class TimerQueue {
  readonly #clock: Clock;
  /** A binary heap with the nearest timer first. */
  readonly #heap: QueuedTimer[] = [];
  #added = 0;
  #sleep: AbortController | undefined;
  #isClosed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Calls `run` at that time, but never before this call returns. `run` must not throw. */
  at(dueMs: number, run: () => void): Cancel {
    const inMs = dueMs - this.#clock.nowMs();
    const entry: QueuedTimer = { dueMs: elapsedMs(this.#clock) + inMs, order: this.#added++, run };
    this.#push(entry);
    if (this.#heap[0] === entry) this.#arm();
    return () => {
      entry.run = undefined;
    };
  }

  close(): void {
    this.#isClosed = true;
    this.#heap.length = 0;
    this.#sleep?.abort();
  }

  #arm(): void {
    this.#sleep?.abort();
    const next = this.#heap[0];
    if (next === undefined || this.#isClosed) return;
    const sleep = new AbortController();
    this.#sleep = sleep;
    void this.#clock.sleep(Math.max(0, next.dueMs - elapsedMs(this.#clock)), sleep.signal).then(() => {
      if (sleep.signal.aborted) return;
      this.#runDue();
      this.#arm();
    });
  }

  #runDue(): void {
    const nowMs = elapsedMs(this.#clock);
    for (let next = this.#heap[0]; next !== undefined && next.dueMs <= nowMs; next = this.#heap[0]) {
      this.#pop();
      next.run?.();
    }
  }

  #push(entry: QueuedTimer): void {
    const heap = this.#heap;
    let at = heap.push(entry) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (isBefore(heap[parent], entry)) break;
      swap(heap, at, parent);
      at = parent;
    }
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    heap[0] = last;
    for (let at = 0; ; ) {
      const left = 2 * at + 1;
      const least = isBefore(heap[left + 1], heap[left]) ? left + 1 : left;
      if (!isBefore(heap[least], last)) return;
      swap(heap, at, least);
      at = least;
    }
  }
}

function isBefore(a: QueuedTimer | undefined, b: QueuedTimer | undefined): boolean {
  if (a === undefined) return false;
  return b === undefined || a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.order < b.order);
}

function swap(heap: QueuedTimer[], a: number, b: number): void {
  const [left, right] = [heap[a], heap[b]];
  if (left === undefined || right === undefined) return;
  heap[a] = right;
  heap[b] = left;
}
