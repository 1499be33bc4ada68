import type { Metadata } from '@grpc/grpc-js';

/** Trailer of every answer: the revision of the cell that it reflects. */
export const revisionKey = 'berth-revision';
/** Metadata of a request: answer from this revision or a later one. */
export const minRevisionKey = 'berth-min-revision';

/** After so many time-outs in a row a remembered revision is given up. */
const maxTimeoutsInARow = 3;

/**
 * The greatest revision that this client has seen. Sent with every request, it makes the client read its own writes at
 * any gateway. A cell restored from a backup has lost revisions and could never satisfy the wish, so repeated time-outs
 * make the memory start anew.
 */
export class RevisionMemory {
  #greatest = 0;
  #timeouts = 0;

  get greatest(): number {
    return this.#greatest;
  }

  /** Takes note of an answer's trailers. */
  answered(trailers: Metadata): void {
    this.#timeouts = 0;
    const [value] = trailers.get(revisionKey);
    const revision = Number(value?.toString() ?? '');
    if (Number.isSafeInteger(revision) && revision > this.#greatest) this.#greatest = revision;
  }

  /** Takes note that an answer did not come in time. */
  timedOut(): void {
    this.#timeouts += 1;
    if (this.#timeouts >= maxTimeoutsInARow) this.#greatest = 0;
  }
}
