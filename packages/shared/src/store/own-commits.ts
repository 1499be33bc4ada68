import type { KnownRecords } from './cell-tables.js';
import { fieldOf } from './codec.js';
import type { Write } from './store.js';

/** A process has no more commits than this under way that it expects to see again. */
const maxExpected = 16;

/** The records of commits that this process makes, until the log brings them back. */
export class OwnCommits {
  readonly #records = new Map<string, KnownRecords>();

  /** Beyond a bound the oldest are forgotten: those are decoded like any other. */
  expect(commitId: string, writes: readonly Write[]): void {
    const records = new Map<string, NonNullable<Write['record']>>();
    for (const { kind, id, record } of writes)
      if (record !== undefined) records.set(fieldOf(kind, id), record);
    this.#records.set(commitId, records);
    if (this.#records.size <= maxExpected) return;
    for (const oldest of this.#records.keys()) {
      this.#records.delete(oldest);
      break;
    }
  }

  /** The records of the commit, which is then forgotten; undefined for another process's. */
  take(commitId: string): KnownRecords | undefined {
    if (this.#records.size === 0) return undefined;
    const records = this.#records.get(commitId);
    this.#records.delete(commitId);
    return records;
  }
}
