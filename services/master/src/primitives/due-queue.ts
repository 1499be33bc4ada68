import TinyQueue from 'tinyqueue';

interface DueEntry {
  readonly key: string;
  readonly atMs: number;
}

/** With fewer superseded entries than this it is not worthwhile to make the heap anew. */
const tolerated = 64;

/**
 * All deadlines of the cell in one queue: one time per key, the soonest first. A superseded entry is dropped
 * when it comes first; all are dropped at once when they are the greater part.
 */
export class DueQueue {
  readonly #times = new Map<string, number>();
  #heap = newHeap([]);

  /** Sets or moves the key's time; Infinity takes it out. */
  set(key: string, atMs: number): void {
    if (this.#times.get(key) === atMs) return;
    this.#times.delete(key);
    if (atMs === Number.POSITIVE_INFINITY) return;
    this.#times.set(key, atMs);
    this.#heap.push({ key, atMs });
    if (this.#heap.length > 2 * this.#times.size + tolerated) this.#compact();
  }

  /** Moves the key's time forward to this one, unless it is sooner already. */
  bringForward(key: string, atMs: number): void {
    if (atMs < (this.#times.get(key) ?? Number.POSITIVE_INFINITY)) this.set(key, atMs);
  }

  /** Returns the soonest time, or Infinity. */
  nextMs(): number {
    this.#dropSuperseded();
    return this.#heap.peek()?.atMs ?? Number.POSITIVE_INFINITY;
  }

  /** Takes out the keys that are due. */
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

  /** The number of keys that have a time. */
  get size(): number {
    return this.#times.size;
  }

  /** The number of entries in memory, superseded ones included. */
  get entries(): number {
    return this.#heap.length;
  }

  #dropSuperseded(): void {
    for (let entry = this.#heap.peek(); entry !== undefined; entry = this.#heap.peek()) {
      if (this.#times.get(entry.key) === entry.atMs) return;
      this.#heap.pop();
    }
  }

  #compact(): void {
    this.#heap = newHeap([...this.#times].map(([key, atMs]) => ({ key, atMs })));
  }
}

function newHeap(entries: DueEntry[]): TinyQueue<DueEntry> {
  return new TinyQueue(entries, (a, b) => a.atMs - b.atMs);
}
