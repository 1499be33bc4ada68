/**
 * The end of the log: the last revision, and the id of the commit that made it. Revision 0 is the empty cell.
 */
export interface LogHead {
  readonly revision: number;
  readonly commitId: string;
}

/** An entity as stored; empty bytes are a removal. `field` is `KIND/ID`. */
export interface StoredEntity {
  readonly field: string;
  readonly revision: number;
  readonly bytes: Uint8Array;
}

/** One entry of the change log, as stored. */
export interface LogEntry {
  readonly revision: number;
  readonly commitId: string;
  readonly atMs: number;
  readonly actor: string;
  readonly writes: readonly StoredEntity[];
}

/**
 * The entries after a revision, or the reason why there are none: they are trimmed away, or the log is
 * another one.
 */
export type LogRead =
  | {
      readonly ok: true;
      readonly entries: readonly LogEntry[];
      /** True if one read cannot return more: there may be more entries. */
      readonly isFull: boolean;
    }
  | { readonly ok: false; readonly reason: 'trimmed' | 'diverged' };

export interface LogReaderOptions {
  /**
   * True for a reader that follows the log as long as its process lives. It may use more connections when it
   * is behind.
   */
  readonly follows?: boolean;
}

/**
 * Reads the cell's state and its change log. Each reader has a connection of its own, since `readLog` blocks.
 * Its calls, like those of the other readers, fail with BerthError `unavailable` if the store does not answer
 * or the reader is closed.
 */
export interface LogReader {
  head(): Promise<LogHead>;
  /** Yields all entities, in no order, each at least as new as at the start of the scan. */
  scan(): AsyncIterable<readonly StoredEntity[]>;
  /**
   * Returns the entries after `after`, a point that the reader has seen. Waits up to `blockMs` for the first.
   */
  readLog(after: LogHead, blockMs: number): Promise<LogRead>;
  close(): Promise<void>;
}

/** Detects a loss of data. */
export interface LogContinuity {
  /**
   * True if the log still continues from a point that was seen. If not, the store has lost data since. A
   * point whose successor is trimmed away counts as continued, because nothing can be known of it.
   */
  continuesFrom(point: LogHead): Promise<boolean>;
}
