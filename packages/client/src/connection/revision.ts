import type { Metadata } from '@grpc/grpc-js';

/** Trailer of every answer: the revision of the cell that it reflects. */
export const revisionKey = 'berth-revision';
/** Metadata of a request: answer from this revision or a later one. */
export const minRevisionKey = 'berth-min-revision';

/** After this number of time-outs in a row the client forgets its revision. */
const maxTimeoutsInARow = 3;

/**
 * The greatest revision that this client has seen. Every request carries it, so the client reads its own
 * writes at any gateway. A cell that was restored from a backup has lost revisions, and may never reach this
 * one. So repeated time-outs reset it.
 */
export class RevisionMemory {
  #greatest = 0;
  #timeouts = 0;

  get greatest(): number {
    return this.#greatest;
  }

  /** Reads the revision in the trailers of an answer. */
  answered(trailers: Metadata): void {
    this.#timeouts = 0;
    const [value] = trailers.get(revisionKey);
    const revision = Number(value?.toString() ?? '');
    if (Number.isSafeInteger(revision) && revision > this.#greatest) this.#greatest = revision;
  }

  /** Counts an answer that did not come in time. */
  timedOut(): void {
    this.#timeouts += 1;
    if (this.#timeouts >= maxTimeoutsInARow) this.#greatest = 0;
  }
}
