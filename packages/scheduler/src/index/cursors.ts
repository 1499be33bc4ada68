import type { Ordering } from '../score/ordering.js';
import type { SearchPurpose } from './agent-index.js';
import { type Position, start } from './sorted-agents.js';

/** The last position of a search. All agents before it failed, except those that have changed since. */
export interface Cursor {
  position: Position;
  /** The number of the first change that the search has not seen. */
  seen: number;
}

/** The cursors of one class: one for each ordering, purpose and search domain. */
export class Cursors {
  /** By ordering and purpose. */
  readonly #whole: Cursor[] = [];
  readonly #byDomain: Map<string, Cursor>[] = [];

  of(ordering: Ordering, purpose: SearchPurpose, domain: string | undefined): Cursor {
    const at = ordering.number * 2 + (purpose === 'preferred' ? 1 : 0);
    if (domain === undefined) {
      this.#whole[at] ??= { position: start, seen: -1 };
      return this.#whole[at];
    }
    this.#byDomain[at] ??= new Map();
    const cursors = this.#byDomain[at];
    const known = cursors.get(domain);
    if (known !== undefined) return known;
    const cursor = { position: start, seen: -1 };
    cursors.set(domain, cursor);
    return cursor;
  }
}
