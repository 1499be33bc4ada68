import { encoded, type PendingMessage } from '../../../tuning/encoding/pending-message.js';
import { notReady } from '../../snapshot/initial-messages.js';
import { type CellSelection, type EntityChange, headerOf, isObserved } from '../core/cell-changes.js';
import { type ChangeFormat, itemMessages } from '../encoding/change-encoding.js';
import type { MissedCommit, MissedCommits, Piece, ResumeFailure } from './missed-commits.js';

interface BackfillOptions {
  readonly commits: MissedCommits;
  readonly selection: CellSelection;
  readonly format: ChangeFormat;
  /** Called with the position after each piece that the subscriber has taken whole. */
  readonly onSentPiece: (at: MissedCommits['at']) => void;
  /** Called when there are more messages, after `notReady` was returned. */
  readonly onMore: () => void;
  /**
   * Called when no more messages will come, with the reason or the error. It is never called during `next`.
   */
  readonly onEnd: (why: ResumeFailure | { readonly error: unknown }) => void;
}

/** Each missed change of the selected entities, in messages that are made on demand. */
export class BackfillMessages implements Iterator<PendingMessage | typeof notReady, void> {
  readonly #options: BackfillOptions;
  #messages: Iterator<Buffer> | undefined;
  #isWaiting = false;
  #hasEnded = false;

  constructor(options: BackfillOptions) {
    this.#options = options;
  }

  [Symbol.iterator](): this {
    return this;
  }

  next(): IteratorResult<PendingMessage | typeof notReady, void> {
    for (;;) {
      const message = this.#messages?.next();
      if (message?.done === false) return { done: false, value: encoded(message.value) };
      if (this.#isWaiting) return { done: false, value: notReady };
      if (message !== undefined) this.#options.onSentPiece(this.#options.commits.at);
      this.#messages = undefined;
      if (this.#hasEnded) return this.return();
      const piece = this.#options.commits.next();
      if (piece instanceof Promise) this.#wait(piece);
      else this.#take(piece);
    }
  }

  return(): IteratorResult<never, void> {
    this.#hasEnded = true;
    this.#options.commits.close().catch((error: unknown) => this.#options.onEnd({ error }));
    return { done: true, value: undefined };
  }

  #wait(piece: Promise<Piece>): void {
    this.#isWaiting = true;
    piece.then(
      (read) => {
        if (this.#hasEnded) return;
        this.#isWaiting = false;
        this.#take(read);
        this.#options.onMore();
      },
      (error: unknown) => {
        if (!this.#hasEnded) this.#options.onEnd({ error });
      },
    );
  }

  #take(piece: Piece): void {
    if ('reason' in piece) return this.#lose(piece);
    if (piece.commits.length === 0) {
      this.#hasEnded = true;
      return;
    }
    const { selection, format } = this.#options;
    try {
      this.#messages = backfillMessages(piece.commits, selection, format);
    } catch (error) {
      // A replica does the same with an entry that it cannot decode: the next snapshot leaves out the
      // broken record. The subscriber gets the reason.
      const what = error instanceof Error ? error.message : String(error);
      this.#lose({ reason: `what was missed cannot be decoded: ${what}` });
    }
  }

  #lose(why: ResumeFailure): void {
    this.#isWaiting = true;
    queueMicrotask(() => {
      if (!this.#hasEnded) this.#options.onEnd(why);
    });
  }
}

/** Yields all selected changes of the commits, each in its state at that commit. */
export function backfillMessages(
  commits: readonly MissedCommit[],
  selection: CellSelection,
  format: ChangeFormat,
): Generator<Buffer> {
  const changes = commits.flatMap((commit) => storedChanges(commit, selection));
  return itemMessages(changes, format);
}

function storedChanges(commit: MissedCommit, { kinds }: CellSelection): readonly EntityChange[] {
  const mark = headerOf(commit);
  return commit.changes.flatMap((change) => {
    const { kind, id } = change;
    return isObserved(kind) && kinds.has(kind) ? [{ kind, id, entity: change.entity(), commit: mark }] : [];
  });
}
