/*
 * berth.v1.ObserveService/Observe: one subscriber's stream, from its first request to its end. It begins
 * with a snapshot, or with the changes since the position in the request.
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
const resumeKey = 'berth-resume-from';

/** The services that a stream of the whole cell needs. */
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

/** The bidirectional call. */
type Call = ByteSink & RequestSource<ObserveRequest>;

/** Serves one call until it ends. */
export function observeCell(observing: CellObserveDeps, call: CallContext, sink: Call): Promise<void> {
  // A stream lives for weeks. A promise waits for its end, because an async function would keep all that it
  // has read.
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
  /** The session releases it. */
  readonly feed: CellFeed;
  readonly bookmarkIntervalMs: number;
}

type Cursor = { readonly revision: number; readonly commitId: string };

/**
 * One subscriber. There are thousands of them for weeks. So each is one object, and it does not copy shared
 * data.
 */
class Session implements Subscriber<Item>, BookmarkedStream {
  readonly intervalMs: number;
  lastSentMs = 0;
  readonly #observing: CellObserveDeps;
  readonly #call: CallContext;
  readonly #requests: RequestReader<ObserveRequest>;
  readonly #feed: CellFeed;
  #stream: ObserveStream<Item> | undefined;
  /** The cursor after all written messages. */
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

  /** Resolves to the start of the stream. The caller must run the session soon after. */
  async prepare(sink: Call, resumeFrom: Cursor | undefined): Promise<SessionStart> {
    const { cell } = this.#observing;
    await cell.read(this.#call);
    const resumePoint = resumeFrom === undefined ? undefined : await this.#resumePoint(resumeFrom);
    await this.#feed.counts?.ready;
    return { sink, resumeFrom, resumePoint };
  }

  /** Runs the stream to its end. From here to its start nothing is awaited. */
  run({ sink, resumeFrom, resumePoint }: SessionStart): Promise<void> {
    this.#sentCursor = resumeFrom;
    this.#call.setTrailer(resumeKey, () =>
      this.#sentCursor === undefined ? '' : `${this.#sentCursor.revision}:${this.#sentCursor.commitId}`,
    );
    const stream = new ObserveStream<Item>({
      tuning: this.#observing.tuning,
      sink,
      snapshot: this.#initialMessages(resumePoint),
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

  /** Releases everything that was acquired for the session. */
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

  /** Returns the messages of the stream's first phase. */
  #initialMessages(resumePoint: ResumePoint | undefined): InitialMessages {
    // The first phase contains all gathered changes. So these must go to the other subscribers before this
    // one joins.
    this.flush();
    if (resumePoint === undefined) return this.#snapshot();
    if ('reason' in resumePoint) return this.#reset(resumePoint.reason);
    return resumePoint instanceof ChangedSince
      ? this.#changedSince(resumePoint)
      : this.#backfill(resumePoint);
  }

  async #resumePoint(position: Cursor): Promise<ResumePoint> {
    // There is no history of counts.
    if (this.#feed.counts !== undefined) return { reason: 'counts are sent anew' };
    const { history } = this.#observing;
    const { signal } = this.#call;
    const lost = await checkCursor(history, position, signal);
    if (lost !== undefined) return lost;
    // With a filter, past matches are not known any more. The present state of the changed entities is.
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

  /** Returns each change since the position, up to now. Later changes wait behind it. */
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

  /** Returns the present state of the changed entities, not in the order of their changes. */
  #changedSince(touched: ChangedSince): InitialMessages {
    const { history } = this.#observing;
    const { format, subscription } = this.#feed;
    const named = touched.now();
    if ('reason' in named) return this.#reset(named.reason);
    const { last } = history.recent;
    const changes = presentChanges(named, history.replica, {
      selection: subscription.selection,
      commit: last,
    });
    const items = changes.map((one) => ({ ...one, isOutOfOrder: true }));
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

  /** Drops all waiting items except checkpoints. The new snapshot holds every commit before them. */
  #restart(reason: string): void {
    // The new snapshot contains all gathered changes.
    this.flush();
    this.#stream?.restart(this.#reset(reason));
    // A copy, since an answer that is sent at once leaves the list.
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

  /** Answers a checkpoint. An error ends the stream. */
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
      await this.#checkpoints.hasCapacity();
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

/**
 * A returning subscriber goes on from a position, or with the entities that changed since one. Otherwise
 * there is a reason why it cannot.
 */
type ResumePoint = Cursor | ChangedSince | ResumeFailure;

/** The input of a session's run. */
interface SessionStart {
  readonly sink: Call;
  readonly resumeFrom: Cursor | undefined;
  readonly resumePoint: ResumePoint | undefined;
}
