import { byCreation, type Created } from '@berth/shared/model/cell/creation-order';

/**
 * Items in the order of their creation. An item at the end costs nothing; an insertion or removal before it
 * moves all items behind.
 */
export class SortedList<T extends Created> {
  readonly #items: T[] = [];
  readonly #members = new Set<T>();

  get items(): readonly T[] {
    return this.#items;
  }

  get size(): number {
    return this.#items.length;
  }

  /** True if this very object is in the list. */
  has(item: T): boolean {
    return this.#members.has(item);
  }

  /** Inserts the item at its position. Does nothing if the list has it. */
  add(item: T): void {
    if (this.#members.has(item)) return;
    this.#members.add(item);
    const place = firstFrom(this.#items, item);
    if (place === this.#items.length) this.#items.push(item);
    else this.#items.splice(place, 0, item);
  }

  /** Removes the item. Does nothing if the list does not have it. */
  remove(item: T): void {
    if (!this.#members.delete(item)) return;
    this.#items.splice(firstFrom(this.#items, item), 1);
  }
}

/** Returns the index of the first item that does not come before this one. The items must be in order. */
export function firstFrom(items: readonly Created[], item: Created): number {
  const last = items.at(-1);
  if (last === undefined || byCreation(last, item) < 0) return items.length;
  let from = 0;
  let to = items.length;
  while (from < to) {
    const middle = (from + to) >>> 1;
    const there = items[middle];
    if (there !== undefined && byCreation(there, item) < 0) from = middle + 1;
    else to = middle;
  }
  return from;
}
