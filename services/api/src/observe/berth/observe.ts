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
import { closing } from '../../gateway/views/point-in-time-view.js';
import { type Unwritten, whole, wholes } from '../../tuning/frame-writer.js';
import type { later } from '../stream/message-packing.js';
import type { Subscriber } from '../stream/observe-hub.js';
import { runStream } from '../stream/observe-run.js';
import { type Beginning, type ByteSink, ObserveStream } from '../stream/observe-stream.js';
import type { Bookmarks, Silent } from './bookmarks.js';
import { findPlace, type Lost, type Past, PastCommits, Touched, touchedSince } from './catch-up.js';
import { itemMessages, positionOf, responseBytes, snapshotMessages } from './change-encoding.js';
import { refusedCheckpoint, seeWhatIsCommitted, WaitingCheckpoints } from './checkpoints.js';
import { type CommitMark, presentNews, selectedEntities, snapshotKinds } from './core/cell-changes.js';
import { parseSubscription } from './core/observe-request.js';
import { countMessages } from './count-encoding.js';
import type { CellFeed, FeedPool } from './feed-pool.js';
import { type Item, isMark, itemConflation } from './items.js';
import { MissedMessages } from './missed-messages.js';
import { firstRequest, RequestReader, type RequestSource } from './request-reader.js';
import type { StoreHead } from './store-head.js';

/** Trailer of a stream that ends: the position to resume from, as REVISION:COMMIT. */
export const resumeKey = 'berth-resume-from';

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
export function observeCell(observing: CellObserving, call: CallContext, sink: Call): Promise<void> {
  // What waits for weeks is a promise, and not a function that would keep all that it has read.
  return beginSession(observing, call, sink).then(({ ended }) => ended);
}

async function beginSession(
  observing: CellObserving,
  call: CallContext,
  sink: Call,
): Promise<{ readonly ended: Promise<void> }> {
  const requests = new RequestReader<ObserveRequest>(sink);
  const request = decoded(await firstRequest(requests, call));
  if (request?.request?.$case !== 'subscription')
    throw invalidFields([{ field: 'subscription', description: 'must be the first request' }]);
  const asked = request.request.value;
  const { subscription } = orRefuse(parseSubscription(asked));
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

type Position = { readonly revision: number; readonly commitId: string };

/** One subscriber. There are thousands, for weeks: each is one object, and what it shares with others it does not copy. */
class Session implements Subscriber<Item>, Silent {
  readonly intervalMs: number;
  lastToldMs = 0;
  readonly #observing: CellObserving;
  readonly #call: CallContext;
  readonly #requests: RequestReader<ObserveRequest>;
  readonly #feed: CellFeed;
  #stream: ObserveStream<Item> | undefined;
  /** The position that the subscriber will have reached with what has been written. */
  #told: Position | undefined;
  /** Most sessions never have any. */
  #checkpoints: WaitingCheckpoints | undefined;

  constructor(observing: CellObserving, { call, requests, feed, bookmarkIntervalMs }: SessionParts) {
    this.#observing = observing;
    this.#call = call;
    this.#requests = requests;
    this.#feed = feed;
    this.intervalMs = bookmarkIntervalMs;
  }

  /** Resolves to where the stream is to begin; soon after, the session is to be run. */
  async prepare(sink: Call, resumeFrom: Position | undefined): Promise<Start> {
    const { cell } = this.#observing;
    await cell.read(this.#call);
    const place = resumeFrom === undefined ? undefined : await this.#placeOf(resumeFrom);
    await this.#feed.counts?.ready;
    return { sink, resumeFrom, place };
  }

  /** Runs the stream to its end. From here to its start nothing is awaited. */
  run({ sink, resumeFrom, place }: Start): Promise<void> {
    this.#told = resumeFrom;
    this.#call.setTrailer(resumeKey, () =>
      this.#told === undefined ? '' : `${this.#told.revision}:${this.#told.commitId}`,
    );
    const stream = new ObserveStream<Item>({
      sink,
      snapshot: this.#beginning(place),
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
    this.lastToldMs = this.#observing.clock.nowMs();
    this.#stream?.offer(items);
  }

  fail(): void {
    this.#beginAnew('the gateway lost its place in the change log');
  }

  /** What the stream begins with. */
  #beginning(place: Place | undefined): Beginning {
    // What others have not been told yet is part of what comes first.
    this.flush();
    if (place === undefined) return this.#snapshot();
    if ('reason' in place) return this.#reset(place.reason);
    return place instanceof Touched ? this.#touched(place) : this.#missed(place);
  }

  async #placeOf(position: Position): Promise<Place> {
    // What was missed of numbers is not kept.
    if (this.#feed.counts !== undefined) return { reason: 'counts are told anew' };
    const { past } = this.#observing;
    const { signal } = this.#call;
    const lost = await findPlace(past, position, signal);
    if (lost !== undefined) return lost;
    // Whether an entity was in sight at a time that has passed cannot be told any more; where it is now can.
    return this.#feed.subscription.selection.filter === undefined
      ? position
      : touchedSince(past, position, signal);
  }

  #subscribe(): () => void {
    this.lastToldMs = this.#observing.clock.nowMs();
    const leaveHub = this.#feed.hub.subscribeAll(this);
    const leaveBookmarks = this.#observing.bookmarks.add(this);
    return () => {
      leaveHub();
      leaveBookmarks();
      this.leave();
    };
  }

  /** The cell as it is now, in messages that are made as they are sent. */
  #snapshot(): Beginning {
    const { cell, past } = this.#observing;
    const { counts, mask, subscription } = this.#feed;
    if (counts !== undefined)
      return this.#messages(wholes(countMessages(counts.counts.all)), past.tail.last, 'snapshotEnd');
    const moment = cell.moments.take(snapshotKinds(subscription.selection));
    const entities = selectedEntities(moment, subscription.selection);
    const messages = this.#messages(snapshotMessages(entities, mask), past.tail.last, 'snapshotEnd');
    return closing(messages, () => moment.close());
  }

  /** Each change since the position, up to now: what comes from now on waits behind it. */
  #missed(position: Position): Beginning {
    const { past } = this.#observing;
    const { mask, subscription } = this.#feed;
    const { last } = past.tail;
    const missed = new MissedMessages({
      commits: new PastCommits(past, position, last),
      selection: subscription.selection,
      mask,
      onTold: (at) => {
        this.#told = at;
      },
      onMore: () => this.#stream?.goOn(),
      onEnd: (why) => {
        if ('reason' in why) this.#beginAnew(why.reason);
        else this.#stream?.stop(why.error);
      },
    });
    return closing(this.#messages(missed, last, 'bookmark'), () => missed.return());
  }

  /** What has changed as it now is: not in the order in which it did. */
  #touched(touched: Touched): Beginning {
    const { past } = this.#observing;
    const { mask, subscription } = this.#feed;
    const named = touched.now();
    if ('reason' in named) return this.#reset(named.reason);
    const { last } = past.tail;
    const news = presentNews(named, past.replica, { selection: subscription.selection, commit: last });
    const items = news.map((one) => ({ ...one, isOutOfTurn: true }));
    return this.#messages(wholes(itemMessages(items, mask)), last, 'bookmark');
  }

  #reset(reason: string): Beginning {
    const afterRevision = this.#told?.revision ?? 0;
    const toRevision = this.#observing.past.tail.last.revision;
    const reset = responseBytes({ $case: 'reset', value: { afterRevision, toRevision, reason } });
    const snapshot = this.#snapshot();
    return closing(concat(whole(reset), snapshot), () => snapshot.return?.());
  }

  *#messages(
    messages: Iterable<Unwritten | typeof later>,
    last: CommitMark,
    end: 'snapshotEnd' | 'bookmark',
  ): Generator<Unwritten | typeof later, void> {
    yield* messages;
    const position = positionOf(last);
    yield whole(
      end === 'snapshotEnd'
        ? responseBytes({ $case: 'snapshotEnd', value: { position } })
        : responseBytes({ $case: 'bookmark', value: { position, atMs: last.atMs } }),
    );
    this.#told = position;
  }

  /** Forgets what waits, but for checkpoints: whatever was committed before those is part of the new snapshot. */
  #beginAnew(reason: string): void {
    // What others have not been told yet is part of the new snapshot.
    this.flush();
    this.#stream?.restart(this.#reset(reason));
    // Some may be told, and wait no more, while others still are to be.
    for (const id of [...(this.#checkpoints?.ids ?? [])]) this.#tellCheckpoint(id);
  }

  #tellCheckpoint(id: string): void {
    this.#stream?.offer([{ kind: 'checkpoint', id, commit: this.#observing.past.tail.last }]);
  }

  #sent(batch: readonly Item[]): void {
    if (this.#checkpoints !== undefined)
      for (const item of batch) if (item.kind === 'checkpoint') this.#checkpoints.told(item.id);
    const last = batch.at(-1);
    if (last === undefined || (!isMark(last) && last.isOutOfTurn === true)) return;
    this.#told = positionOf(last.commit);
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
      await seeWhatIsCommitted(this.#observing, this.#call.signal);
      this.flush();
      this.#checkpoints ??= new WaitingCheckpoints();
      this.#checkpoints.add(id);
      this.#tellCheckpoint(id);
      await this.#checkpoints.room();
    } catch (error) {
      stream.stop(error);
    }
  }
}

function* concat(first: Unwritten, rest: Beginning): Generator<Unwritten | typeof later, void> {
  yield first;
  for (let next = rest.next(); next.done !== true; next = rest.next()) yield next.value;
}

/** Where a subscriber goes on that comes back: from a position, or with what has changed since one; or why it cannot. */
type Place = Position | Touched | Lost;

/** What a session is prepared to run with. */
interface Start {
  readonly sink: Call;
  readonly resumeFrom: Position | undefined;
  readonly place: Place | undefined;
}
