import TinyQueue from 'tinyqueue';

interface Entry {
  readonly key: string;
  readonly atMs: number;
}

/** All deadlines of the cell in one queue: one time per key, the soonest first. Superseded entries are dropped lazily. */
export class DueQueue {
  readonly #times = new Map<string, number>();
  readonly #heap = new TinyQueue<Entry>([], (a, b) => a.atMs - b.atMs);

  /** Sets or moves the key's time; Infinity takes it out. */
  set(key: string, atMs: number): void {
    if (this.#times.get(key) === atMs) return;
    this.#times.delete(key);
    if (atMs === Infinity) return;
    this.#times.set(key, atMs);
    this.#heap.push({ key, atMs });
  }

  /** The soonest time, or Infinity. */
  nextMs(): number {
    this.#dropSuperseded();
    return this.#heap.peek()?.atMs ?? Infinity;
  }

  /** Takes out the keys whose time has come. */
  takeDue(nowMs: number): readonly string[] {
    const due: string[] = [];
    while (this.nextMs() <= nowMs) {
      const entry = this.#heap.pop();
      if (entry === undefined) break;
      this.#times.delete(entry.key);
      due.push(entry.key);
    }
    return due;
  }

  get size(): number {
    return this.#times.size;
  }

  #dropSuperseded(): void {
    for (let entry = this.#heap.peek(); entry !== undefined; entry = this.#heap.peek()) {
      if (this.#times.get(entry.key) === entry.atMs) return;
      this.#heap.pop();
    }
  }
}
