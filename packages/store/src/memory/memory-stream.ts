/** An item of a stream with its id `NUMBER-0`. Ids grow. */
interface StreamItem<T> {
  readonly id: string;
  readonly value: T;
}

/** The id before the first item of every stream. */
export const streamStart = '0-0';

/** A bounded stream like Redis's, in memory. */
export class MemoryStream<T> {
  readonly #maxLength: number;
  #items: StreamItem<T>[] = [];
  #lastNumber = 0;

  constructor(maxLength: number) {
    this.#maxLength = maxLength;
  }

  get lastId(): string {
    return `${this.#lastNumber}-0`;
  }

  get length(): number {
    return this.#items.length;
  }

  add(value: T): void {
    this.#lastNumber += 1;
    this.#items.push({ id: this.lastId, value });
    // In blocks, because each cut moves the rest.
    if (this.#items.length > this.#maxLength * 1.1) this.#items = this.#items.slice(-this.#maxLength);
  }

  /** Returns at most `limit` items with an id above `id`. */
  after(id: string, limit = Number.POSITIVE_INFINITY): readonly StreamItem<T>[] {
    const number = numberOf(id);
    // Numbers are consecutive, so the index follows from the number.
    const first = this.#lastNumber - this.#items.length + 1;
    const from = Math.max(0, number + 1 - first);
    return this.#items.slice(from, Math.min(from + limit, this.#items.length));
  }

  /** Drops the items with an id below `id`. */
  dropBelow(id: string): void {
    // Ids of this stream end in `-0`: one below `5-1` is `5-0`.
    const [number = '0', sequence = '0'] = id.split('-');
    this.#items = [...this.after(sequence === '0' ? `${Number(number) - 1}-0` : `${number}-0`)];
  }

  /** Returns a stream of its own with the same items. */
  copy(): MemoryStream<T> {
    const copied = new MemoryStream<T>(this.#maxLength);
    copied.#items = [...this.#items];
    copied.#lastNumber = this.#lastNumber;
    return copied;
  }

  /** Drops all items. Ids continue to grow. */
  clear(): void {
    this.#items = [];
  }
}

function numberOf(id: string): number {
  const number = Number(id.split('-')[0]);
  if (!Number.isSafeInteger(number)) throw new TypeError(`${JSON.stringify(id)} is no stream id`);
  return number;
}
