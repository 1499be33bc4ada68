import type { CellView } from '@berth/shared/model/cell/cell-view';
import type { CommitChanges } from '@berth/shared/model/cell/change';
import { BerthError } from '@berth/shared/model/errors/errors';
import { inNextTurn } from '@berth/shared/process/clock';
import type { Logger } from '@berth/shared/process/logger';
import { resyncActor } from '@berth/store/replica';
import type { Subscription } from 'rxjs';
import type { ChangingView } from '../../gateway/views/changing-view.js';
import { contradictsHistory } from './core/contradicts-history.js';

/** A receiver of changes. Neither method may throw. */
export interface Subscriber<N> {
  /**
   * Takes the changes for this subscriber, in order. The array is never empty, and is shared with other
   * subscribers.
   */
  offer(notifications: readonly N[]): void;
  /** The subscription cannot go on; the error says why. */
  fail(error: BerthError): void;
}

/** A kind of notifications. */
export interface Feed<N> {
  /** Returns the notifications of a commit, in order. `view` is the cell just after the commit. */
  notificationsOf(commit: CommitChanges, view: CellView): readonly N[];
  /** The id of the one job, or cluster, that the notification concerns. */
  topicOf(notification: N): string;
  /**
   * True if the result of a resynchronisation cannot be sent as changes: subscriptions then fail. The
   * default checks it against the earlier changes.
   */
  isBroken?(commit: CommitChanges, view: CellView): boolean;
  /** True if `notificationsOf` must see every commit, even without subscribers. */
  readonly seesAll?: boolean;
}

/** With so many notifications a batch goes out, even if more commits have arrived at once. */
const maxGathered = 1_000;

/** A batch that some subscribers have got. */
interface Delivery<N> {
  readonly batch: readonly N[];
  readonly subscribers: readonly Subscriber<N>[];
  /** The number of subscribers that have got it. */
  served: number;
}

/**
 * Turns each commit into notifications once, and offers them to their subscribers. A subscriber of
 * everything gets all of them. A subscriber of one topic costs nothing while other topics change. Commits
 * that arrive together, or during a delivery, become one batch that all subscribers share. A batch for many
 * subscribers is delivered over several turns. All of them have it before a new subscriber joins.
 */
export class ObserveHub<N> {
  readonly #feed: Feed<N>;
  readonly #view: ChangingView;
  readonly #log: Logger;
  /** The subscribers of everything that get a batch in one turn of the event loop. */
  readonly #subscribersPerTurn: number;
  readonly #ofAll = new Set<Subscriber<N>>();
  readonly #ofTopic = new Map<string, Set<Subscriber<N>>>();
  readonly #subscription: Subscription;
  #gathered: N[] = [];
  #delivery: Delivery<N> | undefined;

  constructor(feed: Feed<N>, view: ChangingView, log: Logger, subscribersPerTurn: number) {
    this.#subscribersPerTurn = subscribersPerTurn;
    this.#feed = feed;
    this.#view = view;
    this.#log = log;
    this.#subscription = view.changes$.subscribe((commit) => this.#take(commit));
  }

  /**
   * Offers the subscriber all changes from now on. Returns a function that ends the subscription; it may be
   * called again.
   */
  subscribeAll(subscriber: Subscriber<N>): () => void {
    this.flush();
    this.#ofAll.add(subscriber);
    return () => this.#ofAll.delete(subscriber);
  }

  /** Like {@link subscribeAll}, of the changes of one topic. */
  subscribeTo(topic: string, subscriber: Subscriber<N>): () => void {
    this.flush();
    const subscribers = this.#ofTopic.get(topic) ?? new Set();
    subscribers.add(subscriber);
    this.#ofTopic.set(topic, subscribers);
    return () => {
      subscribers.delete(subscriber);
      if (subscribers.size === 0 && this.#ofTopic.get(topic) === subscribers) this.#ofTopic.delete(topic);
    };
  }

  close(): void {
    this.#subscription.unsubscribe();
    this.flush();
  }

  #take(commit: CommitChanges): void {
    const isUnheard = this.#ofAll.size === 0 && this.#ofTopic.size === 0;
    if (isUnheard && this.#feed.seesAll !== true) return;
    if (commit.actor === resyncActor && this.#isBroken(commit)) {
      this.flush();
      return this.#failAll(commit);
    }
    if (this.#gathered.length === 0 && this.#delivery === undefined)
      queueMicrotask(() => this.#deliverSome());
    for (const notification of this.#feed.notificationsOf(commit, this.#view))
      this.#gathered.push(notification);
    if (this.#gathered.length >= maxGathered) this.flush();
  }

  #isBroken(commit: CommitChanges): boolean {
    const isBroken = this.#feed.isBroken ?? contradictsHistory;
    return isBroken(commit, this.#view);
  }

  /** Hands out all that was gathered, in this turn. */
  flush(): void {
    do this.#deliverNext(Number.POSITIVE_INFINITY);
    while (this.#gathered.length > 0);
  }

  /** Hands out as much as one turn may, the rest in later ones. */
  #deliverSome(): void {
    this.#deliverNext(this.#subscribersPerTurn);
    if (this.#delivery !== undefined || this.#gathered.length > 0) inNextTurn(() => this.#deliverSome());
  }

  /** Continues the present delivery, or begins one with the gathered notifications. */
  #deliverNext(subscribers: number): void {
    this.#delivery ??= this.#begin();
    const delivery = this.#delivery;
    if (delivery === undefined) return;
    const next = delivery.subscribers.slice(delivery.served, delivery.served + subscribers);
    delivery.served += next.length;
    if (delivery.served === delivery.subscribers.length) this.#delivery = undefined;
    // A subscriber may leave while others are served.
    for (const subscriber of next) if (this.#ofAll.has(subscriber)) subscriber.offer(delivery.batch);
  }

  #begin(): Delivery<N> | undefined {
    const batch = this.#gathered;
    if (batch.length === 0) return undefined;
    this.#gathered = [];
    if (this.#ofTopic.size > 0) this.#deliverByTopic(batch);
    return { batch, subscribers: [...this.#ofAll], served: 0 };
  }

  #deliverByTopic(batch: readonly N[]): void {
    const byTopic = new Map<string, N[]>();
    for (const notification of batch) {
      const topic = this.#feed.topicOf(notification);
      const concerned = byTopic.get(topic);
      if (concerned !== undefined) concerned.push(notification);
      else if (this.#ofTopic.has(topic)) byTopic.set(topic, [notification]);
    }
    for (const [topic, concerned] of byTopic)
      for (const subscriber of [...(this.#ofTopic.get(topic) ?? [])]) subscriber.offer(concerned);
  }

  #failAll({ revision }: CommitChanges): void {
    const subscribers = [...this.#ofAll, ...[...this.#ofTopic.values()].flatMap((some) => [...some])];
    this.#log.warn(
      { revision, streams: subscribers.length },
      'ending all observe streams: the cell was set back, or the log was trimmed too early',
    );
    const error = new BerthError(
      'conflict',
      'Changes were lost on the way from the store; observe again for a new snapshot.',
    );
    for (const subscriber of subscribers) subscriber.fail(error);
  }
}
