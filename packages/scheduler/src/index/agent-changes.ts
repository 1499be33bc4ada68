/** The number of changes that are kept at most. */
const maxLength = 65_536;

/**
 * The latest changed agents, each under a number. A reader keeps the number of its next change and asks for
 * all since.
 */
export class AgentChanges<T> {
  readonly #entries: T[] = [];
  #base = 0;

  /** The number of the next change. */
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

  /** Drops all changes: every reader has to look at all agents again. */
  forget(): void {
    this.#base = this.end + 1;
    this.#entries.length = 0;
  }

  /** True if the changes from that number on are all kept, and are at most `limit`. */
  reaches(from: number, limit: number): boolean {
    return from >= this.#base && this.end - from <= limit;
  }

  /** The change of that number. */
  at(number: number): T | undefined {
    return this.#entries[number - this.#base];
  }
}
