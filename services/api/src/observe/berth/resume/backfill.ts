import { decodeEntity, parseField } from '@berth/store/wire';
import { encoded, type PendingMessage } from '../../../tuning/encoding/pending-message.js';
import { notReady } from '../../snapshot/initial-messages.js';
import { type CellSelection, type EntityChange, headerOf, isObserved } from '../core/cell-changes.js';
import { type ChangeFormat, itemMessages } from '../encoding/change-encoding.js';
import type { MissedCommit, MissedCommits, Piece, ResumeFailure } from './missed-commits.js';

export interface BackfillOptions {
  readonly commits: MissedCommits;
  readonly selection: CellSelection;
  readonly format: ChangeFormat;
  /** Called with where the subscriber is once it has taken all of a piece. */
  readonly onSentPiece: (at: MissedCommits['at']) => void;
  /** Called where there is more, after `later` was given. */
  readonly onMore: () => void;
  /** Called where there will be no more, never while a message is asked for: why the rest cannot be told, or what has failed. */
  readonly onEnd: (why: ResumeFailure | { readonly error: unknown }) => void;
}

/** What was missed of all jobs and tasks, each change as it was, in messages that are made as they are asked for. */
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
      // As for a replica that cannot decode an entry: a snapshot leaves out what is broken. The subscriber is told why.
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

/** All that the commits changed of what is selected, each change as it was. */
export function backfillMessages(
  commits: readonly MissedCommit[],
  selection: CellSelection,
  format: ChangeFormat,
): Generator<Buffer> {
  const news = commits.flatMap((commit) => storedNews(commit, selection));
  return itemMessages(news, format);
}

function storedNews(commit: MissedCommit, { kinds }: CellSelection): readonly EntityChange[] {
  const mark = headerOf(commit);
  return commit.writes.flatMap((stored) => {
    const name = parseField(stored.field);
    if (name === undefined || !isObserved(name.kind) || !kinds.has(name.kind)) return [];
    const entity = stored.bytes.length === 0 ? undefined : decodeEntity(stored);
    return [{ kind: name.kind, id: name.id, entity, commit: mark }];
  });
}
