/** How many changes are remembered at most. */
const maxLength = 65_536;

/** The latest changes, numbered: who knows the number of the last one seen asks for what came since. */
export class ChangeLog<T> {
  readonly #entries: T[] = [];
  #base = 0;

  /** The number that the next change gets. */
  get end(): number {
    return this.#base + this.#entries.length;
  }

  push(entry: T): void {
    this.#entries.push(entry);
    if (this.#entries.length > maxLength) {
      const half = maxLength / 2;
      this.#entries.splice(0, half);
      this.#base += half;
    }
  }

  /** Makes everybody who has seen less than all look at everything again. */
  forget(): void {
    this.#base = this.end + 1;
    this.#entries.length = 0;
  }

  /** Whether the changes from that number on are all there, and at most `limit` of them. */
  reaches(from: number, limit: number): boolean {
    return from >= this.#base && this.end - from <= limit;
  }

  /** The change of that number. */
  at(number: number): T | undefined {
    return this.#entries[number - this.#base];
  }
}
