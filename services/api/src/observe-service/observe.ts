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
import { parseSubscription } from '../core/subscription.js';
import type { OpenStream } from '../metrics.js';
import type { Subscriber } from '../observe-hub.js';
import { runStream } from '../observe-run.js';
import { type ByteSink, ObserveStream } from '../observe-stream.js';
import { closing } from '../past-view.js';
import { orRefuse } from '../requests.js';
import { type Unwritten, whole } from '../splice.js';
import type { Bookmarks, Silent } from './bookmarks.js';
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
  const request = await firstRequest(requests, call);
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

  constructor(observing: CellObserving, { call, requests, feed, bookmarkIntervalMs }: SessionParts) {
    this.#observing = observing;
    this.#call = call;
    this.#requests = requests;
    this.#feed = feed;
    this.intervalMs = bookmarkIntervalMs;
  }

  /** Resolves to what the stream is to begin with; in the turn in which it does, the session must be run. */
  async prepare(sink: Call, resumeFrom: Position | undefined): Promise<Beginning> {
    const { cell } = this.#observing;
    await cell.read(this.#call);
    const older = resumeFrom === undefined ? undefined : await this.#olderThan(resumeFrom);
    await this.#feed.counts?.ready;
    return { sink, resumeFrom, older };
  }

  /** Runs the stream to its end. From here to its start nothing is awaited. */
  run({ sink, resumeFrom, older }: Beginning): Promise<void> {
    this.#told = resumeFrom;
    this.#call.setTrailer(resumeKey, () =>
      this.#told === undefined ? '' : `${this.#told.revision}:${this.#told.commitId}`,
    );
    const stream = new ObserveStream<Item>({
      sink,
      snapshot: this.#beginning(older),
      conflation: itemConflation,
      encode: this.#feed.packing,
      isLastWord: endsNever,
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
    this.#stream?.restart(this.#reset('the gateway lost its place in the change log'));
  }

  /** What the stream begins with. */
  #beginning(older: OlderPast | undefined): Iterator<Unwritten, void> {
    // What others have not been told yet is part of what comes first.
    this.flush();
    if (older === undefined) return this.#snapshot();
    const { past } = this.#observing;
    const missed = missedSince(past, older, this.#feed.subscription.selection);
    return 'reason' in missed ? this.#reset(missed.reason) : this.#missed(missed.news);
  }

  /** What was missed of numbers is not kept: they are told anew. */
  #olderThan(position: Position): Promise<OlderPast> {
    return this.#feed.counts === undefined
      ? readPast(this.#observing.past, position, this.#call.signal)
      : Promise.resolve({ reason: 'counts are told anew' });
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
  #snapshot(): Iterator<Unwritten, void> {
    const { cell, past } = this.#observing;
    const { counts, mask, subscription } = this.#feed;
    if (counts !== undefined)
      return this.#messages(wholes(countMessages(counts.counts.all)), past.tail.last, 'snapshotEnd');
    const moment = cell.moments.take(snapshotKinds(subscription.selection));
    const entities = selectedEntities(moment, subscription.selection);
    const messages = this.#messages(snapshotMessages(entities, mask), past.tail.last, 'snapshotEnd');
    return closing(messages, () => moment.close());
  }

  #missed(news: readonly Item[]): Iterator<Unwritten, void> {
    const { past } = this.#observing;
    return this.#messages(wholes(itemMessages(news, this.#feed.mask)), past.tail.last, 'bookmark');
  }

  #reset(reason: string): Iterator<Unwritten, void> {
    const afterRevision = this.#told?.revision ?? 0;
    const toRevision = this.#observing.past.tail.last.revision;
    const reset = responseBytes({ $case: 'reset', value: { afterRevision, toRevision, reason } });
    const snapshot = this.#snapshot();
    return closing(concat(whole(reset), snapshot), () => snapshot.return?.());
  }

  *#messages(
    messages: Iterable<Unwritten>,
    last: CommitMark,
    end: 'snapshotEnd' | 'bookmark',
  ): Generator<Unwritten, void> {
    yield* messages;
    const position = positionOf(last);
    yield whole(
      end === 'snapshotEnd'
        ? responseBytes({ $case: 'snapshotEnd', value: { position } })
        : responseBytes({ $case: 'bookmark', value: { position, atMs: last.atMs } }),
    );
    this.#told = position;
  }

  #sent(batch: readonly Item[]): void {
    const last = batch.at(-1);
    if (last === undefined || (!isMark(last) && last.isOutOfTurn === true)) return;
    this.#told = positionOf(last.commit);
  }

  /** Answers a checkpoint; whatever fails ends the stream. */
  async #answer({ request }: ObserveRequest, stream: ObserveStream<Item>): Promise<void> {
    try {
      if (request?.$case !== 'checkpoint')
        throw invalidFields([{ field: 'subscription', description: 'can be the first request only' }]);
      await this.#seeWhatIsCommitted();
      this.flush();
      stream.offer([{ kind: 'checkpoint', id: request.value.id, commit: this.#observing.past.tail.last }]);
    } catch (error) {
      stream.stop(error);
    }
  }

  /** Resolves once this gateway has seen all that was committed before the call; tries again while it cannot know. */
  async #seeWhatIsCommitted(): Promise<void> {
    const { storeHead, cell, clock } = this.#observing;
    const { signal } = this.#call;
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

function* concat(first: Unwritten, rest: Iterator<Unwritten, void>): Generator<Unwritten, void> {
  yield first;
  for (let next = rest.next(); next.done !== true; next = rest.next()) yield next.value;
}

function* wholes(messages: Iterable<Buffer>): Generator<Unwritten, void> {
  for (const message of messages) yield whole(message);
}

const endsNever = (): boolean => false;

/** What a session is prepared to run with. */
interface Beginning {
  readonly sink: Call;
  readonly resumeFrom: Position | undefined;
  readonly older: OlderPast | undefined;
}

async function firstRequest(
  requests: RequestReader<ObserveRequest>,
  call: CallContext,
): Promise<ObserveRequest | undefined> {
  let gone: Error | undefined;
  const stop = (reason: Error) => {
    gone = reason;
    requests.close();
  };
  call.onAbort(stop);
  try {
    const request = await requests.next();
    if (gone !== undefined) throw gone;
    return request;
  } finally {
    call.offAbort(stop);
  }
}
