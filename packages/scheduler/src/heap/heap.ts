/** A priority queue in the order of `isBefore`. The order of two items inside must not change by itself. */
export class Heap<T> {
  readonly #items: T[];
  readonly #isBefore: (a: T, b: T) => boolean;

  constructor(items: Iterable<T>, isBefore: (a: T, b: T) => boolean) {
    this.#items = [...items];
    this.#isBefore = isBefore;
    // From the last parent to the first: this is cheaper than a push for each item.
    for (let at = (this.#items.length >> 1) - 1; at >= 0; at -= 1) this.#sink(at);
  }

  get first(): T | undefined {
    return this.#items[0];
  }

  get size(): number {
    return this.#items.length;
  }

  /** Puts an item in. */
  push(item: T): void {
    const items = this.#items;
    let at = items.length;
    items.push(item);
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = items[above];
      if (parent === undefined || !this.#isBefore(item, parent)) return;
      items[at] = parent;
      items[above] = item;
      at = above;
    }
  }

  /** Takes the first item out. */
  dropFirst(): void {
    const last = this.#items.pop();
    if (last === undefined || this.#items.length === 0) return;
    this.#items[0] = last;
    this.sinkFirst();
  }

  /** Puts another item in the place of the first. */
  replaceFirst(item: T): void {
    this.#items[0] = item;
    this.sinkFirst();
  }

  /** Moves the first item to its place after it has become greater. */
  sinkFirst(): void {
    this.#sink(0);
  }

  #sink(from: number): void {
    const items = this.#items;
    for (let at = from; ; ) {
      const here = items[at];
      const left = items[2 * at + 1];
      const right = items[2 * at + 2];
      if (here === undefined || left === undefined) return;
      const next = right !== undefined && this.#isBefore(right, left) ? 2 * at + 2 : 2 * at + 1;
      const child = items[next];
      if (child === undefined || !this.#isBefore(child, here)) return;
      items[at] = child;
      items[next] = here;
      at = next;
    }
  }
}
