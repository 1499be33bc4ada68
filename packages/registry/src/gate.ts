interface QueuedWork {
  readonly enter: () => void;
}

/** Limits the number of concurrent pieces of work. Others wait in the order of their arrival. */
export class Gate {
  #free: number;
  readonly #waiting = new Set<QueuedWork>();

  constructor(size: number) {
    this.#free = size;
  }

  /**
   * Runs the work once the gate has capacity. Rejects with the signal's reason if the signal aborts first.
   */
  async run<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    await this.#enter(signal);
    try {
      return await work();
    } finally {
      this.#leave();
    }
  }

  async #enter(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#free > 0) {
      this.#free -= 1;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const giveUp = () => {
        this.#waiting.delete(waiting);
        reject(signal.reason);
      };
      const waiting: QueuedWork = {
        enter: () => {
          signal.removeEventListener('abort', giveUp);
          resolve();
        },
      };
      this.#waiting.add(waiting);
      signal.addEventListener('abort', giveUp, { once: true });
    });
  }

  /** The one that has waited longest goes next. */
  #leave(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#free += 1;
      return;
    }
    this.#waiting.delete(next);
    next.enter();
  }
}
