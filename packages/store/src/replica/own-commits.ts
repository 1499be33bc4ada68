import type { Write } from '../contract/store.js';

/** A write with the bytes that the log will hold of it, empty for a removal. */
export type EncodedWrite = Write & { readonly bytes: Uint8Array };

/** A process has no more commits than this under way that it expects to see again. */
const maxExpected = 16;

/** The writes of commits that this process makes, until the log brings them back. */
export class OwnCommits {
  readonly #writes = new Map<string, readonly EncodedWrite[]>();

  /** Beyond a bound the oldest are forgotten: those are decoded like any other. */
  expect(commitId: string, writes: readonly EncodedWrite[]): void {
    this.#writes.set(commitId, writes);
    if (this.#writes.size <= maxExpected) return;
    for (const oldest of this.#writes.keys()) {
      this.#writes.delete(oldest);
      break;
    }
  }

  /** The writes of the commit, in order, which is then forgotten; undefined for another process's. */
  take(commitId: string): readonly EncodedWrite[] | undefined {
    if (this.#writes.size === 0) return undefined;
    const writes = this.#writes.get(commitId);
    this.#writes.delete(commitId);
    return writes;
  }
}
