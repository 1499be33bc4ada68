/*
 * berth.v1.ObserveService/Observe: one subscriber's stream, from its first request to its end. It begins with a snapshot, or
 * with what was missed since the position that the subscriber names.
 */
import type { ObserveRequest } from '@berth/shared/gen/berth/v1/observe_service';
import { BerthError, invalidFields } from '@berth/shared/model/errors';
import type { Clock } from '@berth/shared/process/clock';
import type { CallContext } from '@berth/shared/rpc/handlers';
import type { Cell } from '../cell.js';
import { type CommitMark, selectedEntities, snapshotKinds } from '../core/cell-news.js';
import { parseSubscription, type Subscription } from '../core/subscription.js';
import type { OpenStream } from '../metrics.js';
import type { Subscriber } from '../observe-hub.js';
import { runStream } from '../observe-run.js';
import { type ByteSink, ObserveStream } from '../observe-stream.js';
import { closing } from '../past-view.js';
import { orRefuse } from '../requests.js';
import type { Bookmarks } from './bookmarks.js';
import { missedSince, type OlderPast, type Past, readPast } from './catch-up.js';
import { countMessages } from './count-encoding.js';
import type { CellFeed, FeedPool } from './feed-pool.js';
import { type Item, isMark, itemConflation } from './items.js';
import { itemMessages, positionOf, responseBytes, snapshotMessages } from './news-encoding.js';
import { RequestReader, type RequestSource } from './request-reader.js';
import type { StoreHead } from './store-head.js';

/** Trailer of a stream that ends: the position to resume from, as REVISION:COMMIT. */
export const resumeKey = 'berth-resume-from';

/** A checkpoint that the store does not answer is tried again after this. */
const checkpointRetryMs = 200;
/** How long a checkpoint waits for this gateway to see what the store has, before it asks the store again. */
const checkpointWaitMs = 5_000;

/** Where streams of the whole cell come from. */
export interface CellObserving {
  readonly cell: Cell;
  readonly past: Past;
  readonly feeds: FeedPool;
  readonly bookmarks: Bookmarks;
  readonly storeHead: StoreHead;
  readonly clock: Clock;
  readonly streams: Set<OpenStream>;
}

/** A call in which both sides keep sending. */
type Call = ByteSink & RequestSource<ObserveRequest>;

/** Serves one call until it ends. */
export async function observeCell(observing: CellObserving, call: CallContext, sink: Call): Promise<void> {
  const requests = new RequestReader<ObserveRequest>(sink);
  const request = await firstRequest(requests, call.signal);
  if (request?.request?.$case !== 'subscription')
    throw invalidFields([{ field: 'subscription', description: 'must be the first request' }]);
  const asked = request.request.value;
  const { subscription } = orRefuse(parseSubscription(asked));
  const feed = observing.feeds.acquire(subscription);
  try {
    await new Session(observing, { call, sink, requests, subscription, feed }).run(asked.resumeFrom);
  } finally {
    requests.close();
    observing.feeds.release(subscription);
  }
}

interface SessionParts {
  readonly call: CallContext;
  readonly sink: Call;
  readonly requests: RequestReader<ObserveRequest>;
  readonly subscription: Subscription;
  readonly feed: CellFeed;
}

type Position = { readonly revision: number; readonly commitId: string };

class Session {
  readonly #observing: CellObserving;
  readonly #parts: SessionParts;
  /** The position that the subscriber will have reached with what has been written. */
  #told: Position | undefined;

  constructor(observing: CellObserving, parts: SessionParts) {
    this.#observing = observing;
    this.#parts = parts;
  }

  async run(resumeFrom: Position | undefined): Promise<void> {
    const { cell, streams } = this.#observing;
    const { call, feed, requests } = this.#parts;
    await cell.read(call);
    const older = resumeFrom === undefined ? undefined : await this.#olderThan(resumeFrom);
    await feed.counts?.ready;
    this.#told = resumeFrom;
    call.setTrailer(resumeKey, () =>
      this.#told === undefined ? '' : `${this.#told.revision}:${this.#told.commitId}`,
    );
    // From here to the stream's start nothing is awaited.
    const stream = this.#begin(older);
    requests.handle((request) => this.#answer(request, stream));
    const subscribe = (subscriber: Subscriber<Item>) => this.#subscribe(subscriber, stream);
    await runStream({ method: 'Observe', call, stream, streams, subscribe });
  }

  /** The stream, with all that it begins with. */
  #begin(older: OlderPast | undefined): ObserveStream<Item> {
    const { past } = this.#observing;
    const { sink, feed, subscription } = this.#parts;
    // What others have not been told yet is part of what comes first.
    feed.hub.flush();
    const missed = older === undefined ? undefined : missedSince(past, older, subscription.selection);
    const snapshot =
      missed === undefined
        ? this.#snapshot()
        : 'reason' in missed
          ? this.#reset(missed.reason)
          : this.#missed(missed.news);
    return new ObserveStream<Item>({
      sink,
      snapshot,
      conflation: itemConflation,
      encode: feed.packing,
      isLastWord: endsNever,
      onSent: (batch) => this.#sent(batch),
    });
  }

  /** What was missed of numbers is not kept: they are told anew. */
  #olderThan(position: Position): Promise<OlderPast> {
    const { past } = this.#observing;
    const { feed, call } = this.#parts;
    return feed.counts === undefined
      ? readPast(past, position, call.signal)
      : Promise.resolve({ reason: 'counts are told anew' });
  }

  #subscribe(subscriber: Subscriber<Item>, stream: ObserveStream<Item>): () => void {
    const { bookmarks, clock } = this.#observing;
    const { feed, subscription } = this.#parts;
    const silent = {
      intervalMs: subscription.bookmarkIntervalMs,
      lastToldMs: clock.nowMs(),
      get pending() {
        return stream.pending;
      },
      flush: () => feed.hub.flush(),
      offer: (items: readonly Item[]) => subscriber.offer(items),
    };
    const leaveHub = feed.hub.subscribeAll({
      offer: (items) => {
        silent.lastToldMs = clock.nowMs();
        subscriber.offer(items);
      },
      fail: () => stream.restart(this.#reset('the gateway lost its place in the change log')),
    });
    const leaveBookmarks = bookmarks.add(silent);
    return () => {
      leaveHub();
      leaveBookmarks();
    };
  }

  /** The cell as it is now, in messages that are made as they are sent. */
  #snapshot(): Iterator<Buffer, void> {
    const { cell, past } = this.#observing;
    const { subscription, feed } = this.#parts;
    if (feed.counts !== undefined)
      return this.#messages(countMessages(feed.counts.counts.all), past.tail.last, 'snapshotEnd');
    const moment = cell.moments.take(snapshotKinds(subscription.selection));
    const entities = selectedEntities(moment, subscription.selection);
    const messages = this.#messages(snapshotMessages(entities, feed.mask), past.tail.last, 'snapshotEnd');
    return closing(messages, () => moment.close());
  }

  #missed(news: readonly Item[]): Iterator<Buffer, void> {
    const { past } = this.#observing;
    return this.#messages(itemMessages(news, this.#parts.feed.mask), past.tail.last, 'bookmark');
  }

  #reset(reason: string): Iterator<Buffer, void> {
    const afterRevision = this.#told?.revision ?? 0;
    const toRevision = this.#observing.past.tail.last.revision;
    const reset = responseBytes({ $case: 'reset', value: { afterRevision, toRevision, reason } });
    const snapshot = this.#snapshot();
    return closing(concat(reset, snapshot), () => snapshot.return?.());
  }

  *#messages(
    messages: Iterable<Buffer>,
    last: CommitMark,
    end: 'snapshotEnd' | 'bookmark',
  ): Generator<Buffer, void> {
    yield* messages;
    const position = positionOf(last);
    yield end === 'snapshotEnd'
      ? responseBytes({ $case: 'snapshotEnd', value: { position } })
      : responseBytes({ $case: 'bookmark', value: { position, atMs: last.atMs } });
    this.#told = position;
  }

  #sent(batch: readonly Item[]): void {
    const last = batch.at(-1);
    if (last === undefined || (!isMark(last) && last.isOutOfTurn === true)) return;
    this.#told = positionOf(last.commit);
  }

  /** Answers a checkpoint; whatever fails ends the stream. */
  async #answer({ request }: ObserveRequest, stream: ObserveStream<Item>): Promise<void> {
    const { feed } = this.#parts;
    try {
      if (request?.$case !== 'checkpoint')
        throw invalidFields([{ field: 'subscription', description: 'can be the first request only' }]);
      await this.#seeWhatIsCommitted();
      feed.hub.flush();
      stream.offer([{ kind: 'checkpoint', id: request.value.id, commit: this.#observing.past.tail.last }]);
    } catch (error) {
      stream.stop(error);
    }
  }

  /** Resolves once this gateway has seen all that was committed before the call; tries again while it cannot know. */
  async #seeWhatIsCommitted(): Promise<void> {
    const { storeHead, cell, clock } = this.#observing;
    const { signal } = this.#parts.call;
    for (;;) {
      try {
        const { revision } = await storeHead.read();
        return await cell.replica.waitFor(revision, checkpointWaitMs, signal);
      } catch (error) {
        const isPassing =
          error instanceof BerthError && ['unavailable', 'deadlineExceeded'].includes(error.code);
        if (signal.aborted || !isPassing) throw error;
        await clock.sleep(checkpointRetryMs, signal);
      }
    }
  }
}

function* concat(first: Buffer, rest: Iterator<Buffer, void>): Generator<Buffer, void> {
  yield first;
  for (let next = rest.next(); next.done !== true; next = rest.next()) yield next.value;
}

const endsNever = (): boolean => false;

async function firstRequest(
  requests: RequestReader<ObserveRequest>,
  signal: AbortSignal,
): Promise<ObserveRequest | undefined> {
  const stop = () => requests.close();
  signal.addEventListener('abort', stop, { once: true });
  try {
    const request = await requests.next();
    signal.throwIfAborted();
    return request;
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
