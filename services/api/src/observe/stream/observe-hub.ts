import type { CellView } from '@berth/shared/model/cell/cell-view';
import type { CommitChanges } from '@berth/shared/model/cell/change';
import { BerthError } from '@berth/shared/model/errors/errors';
import type { Logger } from '@berth/shared/process/logger';
import { inNextTurn } from '@berth/shared/process/turns';
import { resyncActor } from '@berth/store/replica';
import type { Subscription } from 'rxjs';
import type { ChangingView } from '../../gateway/views/changing-view.js';
import { contradictsHistory } from './core/contradicts-history.js';

/** One who is told of changes. Neither method may throw. */
export interface Subscriber<N> {
  /** What happened that concerns this subscriber, in order: never empty, and shared with others. */
  offer(notifications: readonly N[]): void;
  /** The subscription cannot go on; the error says why. */
  fail(error: BerthError): void;
}

/** A kind of news. */
export interface Feed<N> {
  /** What a commit means, in order. `view` is the cell as the commit has left it. */
  notificationsOf(commit: CommitChanges, view: CellView): readonly N[];
  /** The id of the one job, or cluster, that the notification concerns. */
  topicOf(notification: N): string;
  /**
   * Whether what a resynchronisation has found cannot be told as news: subscriptions then fail. Where this is absent it
   * can be told unless it contradicts what was told before.
   */
  isBroken?(commit: CommitChanges, view: CellView): boolean;
  /** Whether `notificationsOf` must see every commit, also while nobody subscribes. */
  readonly seesAll?: boolean;
}

/** So many notifications go out even before all commits that arrived at once have been seen. */
const maxGathered = 1_000;

/** A batch that some have been told of. */
interface Delivery<N> {
  readonly batch: readonly N[];
  readonly subscribers: readonly Subscriber<N>[];
  told: number;
}

/**
 * Turns each commit into notifications, once, and hands them to those whom they concern: subscribers of everything get all,
 * a subscriber of one topic costs nothing while others change. Commits that arrive at once, or while others are told of, are
 * told as one batch that all share. It is told turn by turn where there are many subscribers, and to all of them before
 * anybody new subscribes.
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

  /** Tells the subscriber of all changes from now on. Returns what ends that; it may be called again. */
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

  /** Goes on with the batch that is being told, or begins with what was gathered. */
  #deliverNext(subscribers: number): void {
    this.#delivery ??= this.#begin();
    const delivery = this.#delivery;
    if (delivery === undefined) return;
    const next = delivery.subscribers.slice(delivery.told, delivery.told + subscribers);
    delivery.told += next.length;
    if (delivery.told === delivery.subscribers.length) this.#delivery = undefined;
    // A subscriber may leave while others are told.
    for (const subscriber of next) if (this.#ofAll.has(subscriber)) subscriber.offer(delivery.batch);
  }

  #begin(): Delivery<N> | undefined {
    const batch = this.#gathered;
    if (batch.length === 0) return undefined;
    this.#gathered = [];
    if (this.#ofTopic.size > 0) this.#deliverByTopic(batch);
    return { batch, subscribers: [...this.#ofAll], told: 0 };
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
