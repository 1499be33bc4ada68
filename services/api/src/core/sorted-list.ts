import { byCreation, type Created, firstFrom } from './creation-order.js';

/**
 * Items in the order of their creation. Most come at the end, which costs nothing; to put one in between, or take one out,
 * moves what stands behind it.
 */
export class SortedList<T extends Created> {
  readonly #items: T[] = [];

  get items(): readonly T[] {
    return this.#items;
  }

  get size(): number {
    return this.#items.length;
  }

  add(item: T): void {
    const place = firstFrom(this.#items, item);
    const there = this.#items[place];
    if (there === undefined) this.#items.push(item);
    else if (byCreation(there, item) === 0) this.#items[place] = item;
    else this.#items.splice(place, 0, item);
  }

  remove(item: Created): void {
    const place = firstFrom(this.#items, item);
    const there = this.#items[place];
    if (there !== undefined && byCreation(there, item) === 0) this.#items.splice(place, 1);
  }
}
