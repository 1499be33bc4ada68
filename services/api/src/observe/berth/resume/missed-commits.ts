/*
 * The changes that a returning subscriber missed. They come from this gateway's memory if it reaches back
 * far enough, otherwise from the change log. If neither does, the subscriber gets the reason. They are read
 * in pieces as the subscriber takes them: a long absence costs the gateway only a few commits at a time.
 */
import { nextTurn } from '@berth/shared/process/clock';
import type { LogHead, LogReader } from '@berth/store';
import type { RecentCommits, StoredChange } from '@berth/store/recent';
import type { Replica } from '@berth/store/replica';
import { type CommitHeader, headerOf, isObserved, type ObservedKind } from '../core/cell-changes.js';

/** A gateway that is behind its subscriber has this long to catch up. */
const behindWaitMs = 5_000;

/** The limit of commits that are read from the log for one subscriber. Above it a snapshot costs less. */
const maxLogged = 20_000;

/**
 * The limit of entities that are looked up for one subscriber, all in one turn. Above it a snapshot is
 * better: it is made as it is sent.
 */
const maxTouched = 2_000;

/** A piece of the gateway's own memory has so many commits. A piece of the log is one read. */
const commitsPerPiece = 16;
/** A piece ends with the commit that brings it to this size. */
const bytesPerPiece = 512 * 1024;

export interface History {
  readonly replica: Replica;
  readonly recent: RecentCommits;
  readonly openLogReader: () => LogReader;
}

/** The reason why a subscriber cannot go on from its position. */
export interface ResumeFailure {
  readonly reason: string;
}

/** A commit as it was stored. */
export interface MissedCommit extends CommitHeader {
  readonly changes: readonly StoredChange[];
}

/**
 * Returns the reason why a subscriber cannot go on from the position, as far as it is known without reading
 * the log. Waits if the gateway is behind the position. Rejects with BerthError `deadlineExceeded` if it
 * stays behind, and with `unavailable` if the store does not answer.
 */
export async function checkCursor(
  history: History,
  position: LogHead,
  signal: AbortSignal,
): Promise<ResumeFailure | undefined> {
  const { replica, recent } = history;
  if (position.revision > replica.revision) {
    if (await isAhead(history, position)) return { reason: 'the cell was set back' };
    await replica.waitFor(position.revision, behindWaitMs, signal);
  }
  if (recent.after(position, 0) !== undefined) return undefined;
  if (position.revision >= recent.start.revision)
    return { reason: 'the position is of another history of the cell' };
  if (position.commitId === '' && position.revision > 0)
    return { reason: 'the position has no commit id, and lies too far back without' };
  if (recent.start.revision - position.revision > maxLogged)
    return { reason: `more than ${maxLogged} commits were missed` };
  return undefined;
}

async function isAhead(history: History, position: LogHead): Promise<boolean> {
  const reader = history.openLogReader();
  try {
    return (await reader.head()).revision < position.revision;
  } finally {
    await reader.close();
  }
}

/** Commits that follow one another; none at the end of them. */
export type Piece = { readonly commits: readonly MissedCommit[] } | ResumeFailure;

/** The commits between two positions, piece by piece. */
export class MissedCommits {
  readonly #history: History;
  readonly #upTo: LogHead;
  #at: LogHead;
  #reader: LogReader | undefined;

  /** `upTo` is one that the replica has seen. */
  constructor(history: History, from: LogHead, upTo: LogHead) {
    this.#history = history;
    this.#at = from;
    this.#upTo = upTo;
  }

  /** The end of the last piece. */
  get at(): LogHead {
    return this.#at;
  }

  /**
   * Returns the next piece; without a promise if it is in this gateway's memory. Rejects with BerthError
   * `unavailable` if the store does not answer.
   */
  next(): Piece | Promise<Piece> {
    if (this.#at.revision >= this.#upTo.revision) return { commits: [] };
    const kept = this.#history.recent.after(this.#at, commitsPerPiece);
    return kept === undefined ? this.#read() : this.#taken(kept, ({ changes }) => changes);
  }

  /** To be called when no more pieces are wanted. */
  async close(): Promise<void> {
    await this.#reader?.close();
  }

  async #read(): Promise<Piece> {
    this.#reader ??= this.#history.openLogReader();
    const read = await this.#reader.readLog(this.#at, 0);
    if (!read.ok)
      return { reason: read.reason === 'trimmed' ? 'the change log was trimmed' : 'the cell was set back' };
    if (read.entries.length === 0) return { reason: 'the change log ends too early' };
    return this.#taken(read.entries, (entry) => this.#history.recent.changesOf(entry));
  }

  /**
   * Takes the first commits, up to the size of a piece, without the objects that contained them. A later
   * call finds the rest again.
   */
  #taken<C extends CommitHeader>(
    found: readonly C[],
    changesOf: (commit: C) => readonly StoredChange[],
  ): Piece {
    const commits: MissedCommit[] = [];
    let bytes = 0;
    for (const commit of found) {
      if (commit.revision > this.#upTo.revision || bytes >= bytesPerPiece) break;
      const changes = changesOf(commit);
      commits.push({ ...headerOf(commit), changes });
      for (const { byteLength } of changes) bytes += byteLength;
      this.#at = { revision: commit.revision, commitId: commit.commitId };
    }
    return { commits };
  }
}

/** An entity by its name. */
interface Named {
  readonly kind: ObservedKind;
  readonly id: string;
}

/** The entities that changed up to a position, each once. */
export class ChangedSince {
  readonly upTo: LogHead;
  readonly #history: History;
  readonly #named: Map<string, Named>;

  constructor(history: History, named: Map<string, Named>, upTo: LogHead) {
    this.#history = history;
    this.#named = named;
    this.upTo = upTo;
  }

  /** Returns all of them, with those that changed since, up to the replica's present state. */
  now(): Iterable<Named> | ResumeFailure {
    const rest = this.#history.recent.after(this.upTo);
    if (rest === undefined) return { reason: 'the change log moved on too fast' };
    for (const commit of rest) addNames(this.#named, commit);
    return this.#named.size > maxTouched ? tooMany : this.#named.values();
  }
}

const tooMany: ResumeFailure = { reason: `more than ${maxTouched} jobs, tasks and agents have changed` };

/**
 * Finds the entities that changed since the position, up to about now. It yields to other work in between.
 * Rejects as {@link checkCursor} does.
 */
export async function changedSince(
  history: History,
  position: LogHead,
  signal: AbortSignal,
): Promise<ChangedSince | ResumeFailure> {
  const named = new Map<string, Named>();
  const commits = new MissedCommits(history, position, history.replica.head);
  try {
    for (;;) {
      const piece = await commits.next();
      signal.throwIfAborted();
      if ('reason' in piece) return piece;
      if (piece.commits.length === 0) return new ChangedSince(history, named, commits.at);
      for (const commit of piece.commits) addNames(named, commit);
      if (named.size > maxTouched) return tooMany;
      await nextTurn();
    }
  } finally {
    await commits.close();
  }
}

function addNames(named: Map<string, Named>, { changes }: MissedCommit): void {
  for (const { kind, id } of changes) if (isObserved(kind)) named.set(`${kind}/${id}`, { kind, id });
}
