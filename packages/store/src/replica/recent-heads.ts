import type { LogHead } from '../contract/log.js';

/** The last heads of a replica that it can still tell apart from those of another history. */
const mostHeads = 10_000;

/** The commits that a replica has applied since its last snapshot, by revision. */
export class RecentHeads {
  readonly #commitIds = new Map<number, string>();

  constructor(snapshot: LogHead) {
    this.add(snapshot);
  }

  add({ revision, commitId }: LogHead): void {
    this.#commitIds.set(revision, commitId);
    // Revisions are consecutive, so this is the oldest one.
    this.#commitIds.delete(revision - mostHeads);
  }

  /** True if the commit is one of these. A commit that is older than all of them counts as unknown. */
  includes({ revision, commitId }: LogHead): boolean {
    return this.#commitIds.get(revision) === commitId;
  }
}
