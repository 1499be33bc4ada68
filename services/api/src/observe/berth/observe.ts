/*
 * berth.v1.ObserveService/Observe: one subscriber's stream, from its first request to its end. It begins with a snapshot, or
 * with what was missed since the position that the subscriber names.
 */
import type { ObserveRequest } from '@berth/shared/gen/berth/v1/observe_service';
import { invalidFields } from '@berth/shared/model/errors/errors';
import type { Clock } from '@berth/shared/process/clock';
import type { CallContext } from '@berth/shared/rpc/calls/handlers';
import { decoded } from '@berth/shared/rpc/errors/undecodable';
import type { Cell } from '../../gateway/cell.js';
import type { OpenStream } from '../../gateway/metrics.js';
import { orRefuse } from '../../gateway/request-checks.js';
import { encoded, encodedMessages, type PendingMessage } from '../../tuning/encoding/pending-message.js';
import type { ObserveTuning } from '../../tuning/observe-tuning.js';
import { closing, type InitialMessages, type notReady } from '../snapshot/initial-messages.js';
import type { Subscriber } from '../stream/observe-hub.js';
import { runStream } from '../stream/observe-run.js';
import { type ByteSink, ObserveStream } from '../stream/observe-stream.js';
import type { BookmarkedStream, Bookmarks } from './checkpoints/bookmarks.js';
import { PendingCheckpoints, refusedCheckpoint, waitForCommitted } from './checkpoints/checkpoints.js';
import type { StoreHead } from './checkpoints/store-head.js';
import { type CommitHeader, presentChanges, selectedEntities, snapshotKinds } from './core/cell-changes.js';
import { type Item, isMarker, itemConflation } from './core/items.js';
import { parseObserveRequest } from './core/observe-request.js';
import { cursorOf, itemMessages, responseBytes, snapshotMessages } from './encoding/change-encoding.js';
import { countMessages } from './encoding/count-encoding.js';
import type { CellFeed, FeedPool } from './feed-pool.js';
import { firstRequest, RequestReader, type RequestSource } from './request-reader.js';
import { BackfillMessages } from './resume/backfill.js';
import {
  ChangedSince,
  changedSince,
  checkCursor,
  type History,
  MissedCommits,
  type ResumeFailure,
} from './resume/missed-commits.js';

/** Trailer of a stream that ends: the position to resume from, as REVISION:COMMIT. */
export const resumeKey = 'berth-resume-from';

/** Where streams of the whole cell come from. */
export interface CellObserveDeps {
  readonly cell: Cell;
  readonly tuning: ObserveTuning;
  readonly history: History;
  readonly feeds: FeedPool;
  readonly bookmarks: Bookmarks;
  readonly storeHead: StoreHead;
  readonly clock: Clock;
  readonly streams: Set<OpenStream>;
}

/** A call in which both sides keep sending. */
type Call = ByteSink & RequestSource<ObserveRequest>;

/** Serves one call until it ends. */
export function observeCell(observing: CellObserveDeps, call: CallContext, sink: Call): Promise<void> {
  // What waits for weeks is a promise, and not a function that would keep all that it has read.
  return beginSession(observing, call, sink).then(({ ended }) => ended);
}

async function beginSession(
  observing: CellObserveDeps,
  call: CallContext,
  sink: Call,
): Promise<{ readonly ended: Promise<void> }> {
  const requests = new RequestReader<ObserveRequest>(sink);
  const request = decoded(await firstRequest(requests, call));
  if (request?.request?.$case !== 'subscription')
    throw invalidFields([{ field: 'subscription', description: 'must be the first request' }]);
  const asked = request.request.value;
  const { subscription } = orRefuse(parseObserveRequest(asked));
  const feed = observing.feeds.acquire(subscription);
  const { bookmarkIntervalMs } = subscription;
  const session = new Session(observing, { call, requests, feed, bookmarkIntervalMs });
  try {
    return { ended: session.run(await session.prepare(sink, asked.resumeFrom)) };
  } catch (error) {
    session.leave();
    throw error;
  }
}

interface SessionParts {
  readonly call: CallContext;
  readonly requests: RequestReader<ObserveRequest>;
  /** Acquired for the session, which gives it back. */
  readonly feed: CellFeed;
  readonly bookmarkIntervalMs: number;
}

type Cursor = { readonly revision: number; readonly commitId: string };

/** One subscriber. There are thousands, for weeks: each is one object, and what it shares with others it does not copy. */
class Session implements Subscriber<Item>, BookmarkedStream {
  readonly intervalMs: number;
  lastSentMs = 0;
  readonly #observing: CellObserveDeps;
  readonly #call: CallContext;
  readonly #requests: RequestReader<ObserveRequest>;
  readonly #feed: CellFeed;
  #stream: ObserveStream<Item> | undefined;
  /** The position that the subscriber will have reached with what has been written. */
  #sentCursor: Cursor | undefined;
  /** Most sessions never have any. */
  #checkpoints: PendingCheckpoints | undefined;

  constructor(observing: CellObserveDeps, { call, requests, feed, bookmarkIntervalMs }: SessionParts) {
    this.#observing = observing;
    this.#call = call;
    this.#requests = requests;
    this.#feed = feed;
    this.intervalMs = bookmarkIntervalMs;
  }

  /** Resolves to where the stream is to begin; soon after, the session is to be run. */
  async prepare(sink: Call, resumeFrom: Cursor | undefined): Promise<SessionStart> {
    const { cell } = this.#observing;
    await cell.read(this.#call);
    const place = resumeFrom === undefined ? undefined : await this.#resumePoint(resumeFrom);
    await this.#feed.counts?.ready;
    return { sink, resumeFrom, place };
  }

  /** Runs the stream to its end. From here to its start nothing is awaited. */
  run({ sink, resumeFrom, place }: SessionStart): Promise<void> {
    this.#sentCursor = resumeFrom;
    this.#call.setTrailer(resumeKey, () =>
      this.#sentCursor === undefined ? '' : `${this.#sentCursor.revision}:${this.#sentCursor.commitId}`,
    );
    const stream = new ObserveStream<Item>({
      tuning: this.#observing.tuning,
      sink,
      snapshot: this.#initialMessages(place),
      conflation: itemConflation,
      encode: this.#feed.packing,
      onSent: (batch) => this.#sent(batch),
    });
    this.#stream = stream;
    this.#requests.handle((request) => this.#answer(request, stream));
    const { streams } = this.#observing;
    return runStream({
      method: 'Observe',
      call: this.#call,
      stream,
      streams,
      subscribe: () => this.#subscribe(),
    });
  }

  /** Lets go of what was acquired for the session. */
  leave(): void {
    this.#requests.close();
    this.#observing.feeds.release(this.#feed);
  }

  get pending(): number {
    return this.#stream?.pending ?? 0;
  }

  flush(): void {
    this.#feed.hub.flush();
  }

  offer(items: readonly Item[]): void {
    this.lastSentMs = this.#observing.clock.nowMs();
    this.#stream?.offer(items);
  }

  fail(): void {
    this.#restart('the gateway lost its place in the change log');
  }

  /** What the stream begins with. */
  #initialMessages(place: ResumePoint | undefined): InitialMessages {
    // What others have not been told yet is part of what comes first.
    this.flush();
    if (place === undefined) return this.#snapshot();
    if ('reason' in place) return this.#reset(place.reason);
    return place instanceof ChangedSince ? this.#changedSince(place) : this.#backfill(place);
  }

  async #resumePoint(position: Cursor): Promise<ResumePoint> {
    // What was missed of numbers is not kept.
    if (this.#feed.counts !== undefined) return { reason: 'counts are told anew' };
    const { history } = this.#observing;
    const { signal } = this.#call;
    const lost = await checkCursor(history, position, signal);
    if (lost !== undefined) return lost;
    // Whether an entity was in sight at a time that has passed cannot be told any more; where it is now can.
    return this.#feed.subscription.selection.filter === undefined
      ? position
      : changedSince(history, position, signal);
  }

  #subscribe(): () => void {
    this.lastSentMs = this.#observing.clock.nowMs();
    const leaveHub = this.#feed.hub.subscribeAll(this);
    const leaveBookmarks = this.#observing.bookmarks.add(this);
    return () => {
      leaveHub();
      leaveBookmarks();
      this.leave();
    };
  }

  /** The cell as it is now, in messages that are made as they are sent. */
  #snapshot(): InitialMessages {
    const { cell, history } = this.#observing;
    const { counts, format, subscription } = this.#feed;
    if (counts !== undefined)
      return this.#messages(
        encodedMessages(countMessages(counts.counts.all)),
        history.recent.last,
        'snapshotEnd',
      );
    const pointInTime = cell.pointInTimeViews.take(snapshotKinds(subscription.selection));
    const entities = selectedEntities(pointInTime, subscription.selection);
    const messages = this.#messages(snapshotMessages(entities, format), history.recent.last, 'snapshotEnd');
    return closing(messages, () => pointInTime.close());
  }

  /** Each change since the position, up to now: what comes from now on waits behind it. */
  #backfill(position: Cursor): InitialMessages {
    const { history } = this.#observing;
    const { format, subscription } = this.#feed;
    const { last } = history.recent;
    const missed = new BackfillMessages({
      commits: new MissedCommits(history, position, last),
      selection: subscription.selection,
      format,
      onSentPiece: (at) => {
        this.#sentCursor = at;
      },
      onMore: () => this.#stream?.moreReady(),
      onEnd: (why) => {
        if ('reason' in why) this.#restart(why.reason);
        else this.#stream?.stop(why.error);
      },
    });
    return closing(this.#messages(missed, last, 'bookmark'), () => missed.return());
  }

  /** What has changed as it now is: not in the order in which it did. */
  #changedSince(touched: ChangedSince): InitialMessages {
    const { history } = this.#observing;
    const { format, subscription } = this.#feed;
    const named = touched.now();
    if ('reason' in named) return this.#reset(named.reason);
    const { last } = history.recent;
    const news = presentChanges(named, history.replica, { selection: subscription.selection, commit: last });
    const items = news.map((one) => ({ ...one, isOutOfOrder: true }));
    return this.#messages(encodedMessages(itemMessages(items, format)), last, 'bookmark');
  }

  #reset(reason: string): InitialMessages {
    const afterRevision = this.#sentCursor?.revision ?? 0;
    const toRevision = this.#observing.history.recent.last.revision;
    const reset = responseBytes({ $case: 'reset', value: { afterRevision, toRevision, reason } });
    const snapshot = this.#snapshot();
    return closing(concat(encoded(reset), snapshot), () => snapshot.return?.());
  }

  *#messages(
    messages: Iterable<PendingMessage | typeof notReady>,
    last: CommitHeader,
    end: 'snapshotEnd' | 'bookmark',
  ): Generator<PendingMessage | typeof notReady, void> {
    yield* messages;
    const position = cursorOf(last);
    yield encoded(
      end === 'snapshotEnd'
        ? responseBytes({ $case: 'snapshotEnd', value: { position } })
        : responseBytes({ $case: 'bookmark', value: { position, atMs: last.atMs } }),
    );
    this.#sentCursor = position;
  }

  /** Forgets what waits, but for checkpoints: whatever was committed before those is part of the new snapshot. */
  #restart(reason: string): void {
    // What others have not been told yet is part of the new snapshot.
    this.flush();
    this.#stream?.restart(this.#reset(reason));
    // Some may be told, and wait no more, while others still are to be.
    for (const id of [...(this.#checkpoints?.ids ?? [])]) this.#answerCheckpoint(id);
  }

  #answerCheckpoint(id: string): void {
    this.#stream?.offer([{ kind: 'checkpoint', id, commit: this.#observing.history.recent.last }]);
  }

  #sent(batch: readonly Item[]): void {
    if (this.#checkpoints !== undefined)
      for (const item of batch) if (item.kind === 'checkpoint') this.#checkpoints.sent(item.id);
    const last = batch.at(-1);
    if (last === undefined || (!isMarker(last) && last.isOutOfOrder === true)) return;
    this.#sentCursor = cursorOf(last.commit);
  }

  /** Answers a checkpoint; whatever fails ends the stream. */
  async #answer(asked: ObserveRequest, stream: ObserveStream<Item>): Promise<void> {
    try {
      const { request } = decoded(asked);
      if (request?.$case !== 'checkpoint')
        throw invalidFields([{ field: 'subscription', description: 'can be the first request only' }]);
      const { id } = request.value;
      const refused = refusedCheckpoint(id);
      if (refused !== undefined) throw invalidFields([{ field: 'checkpoint.id', description: refused }]);
      await waitForCommitted(this.#observing, this.#call.signal);
      this.flush();
      this.#checkpoints ??= new PendingCheckpoints();
      this.#checkpoints.add(id);
      this.#answerCheckpoint(id);
      await this.#checkpoints.room();
    } catch (error) {
      stream.stop(error);
    }
  }
}

function* concat(
  first: PendingMessage,
  rest: InitialMessages,
): Generator<PendingMessage | typeof notReady, void> {
  yield first;
  for (let next = rest.next(); next.done !== true; next = rest.next()) yield next.value;
}

/** Where a subscriber goes on that comes back: from a position, or with what has changed since one; or why it cannot. */
type ResumePoint = Cursor | ChangedSince | ResumeFailure;

/** What a session is prepared to run with. */
interface SessionStart {
  readonly sink: Call;
  readonly resumeFrom: Cursor | undefined;
  readonly place: ResumePoint | undefined;
}
