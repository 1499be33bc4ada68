import type { AgentSearch } from './agent-index.js';
import { type Position, start } from './sorted-agents.js';

/** The last position of a search. All agents before it failed, except those that have changed since. */
export interface Cursor {
  position: Position;
  /** The number of the first change that the search has not seen. */
  seen: number;
}

/** The cursors of one class: one for each ordering, purpose, search domain and level. */
export class Cursors {
  /** By ordering and purpose. */
  readonly #whole: Cursor[] = [];
  /** By ordering and purpose, then by level and search domain. */
  readonly #parts: Map<string, Cursor>[] = [];

  of({ ordering, purpose, domain, level }: CursorKey): Cursor {
    const at = ordering.number * 2 + (purpose === 'preferred' ? 1 : 0);
    if (domain === undefined && level === undefined) {
      this.#whole[at] ??= { position: start, seen: -1 };
      return this.#whole[at];
    }
    this.#parts[at] ??= new Map();
    const cursors = this.#parts[at];
    const part = `${level ?? ''}${domain === undefined ? '' : ` ${domain}`}`;
    const known = cursors.get(part);
    if (known !== undefined) return known;
    const cursor = { position: start, seen: -1 };
    cursors.set(part, cursor);
    return cursor;
  }
}

type CursorKey = Pick<AgentSearch, 'ordering' | 'purpose' | 'domain' | 'level'>;
