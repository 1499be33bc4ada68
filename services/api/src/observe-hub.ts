import type { CellView } from '@berth/shared/model/cell-view';
import type { CommitChanges } from '@berth/shared/model/change';
import { BerthError } from '@berth/shared/model/errors';
import type { Logger } from '@berth/shared/process/logger';
import { resyncActor } from '@berth/shared/store/replica';
import type { Observable, Subscription } from 'rxjs';
import { contradictsHistory, type Notification, notificationsOf } from './core/observe.js';

/** One who is told of changes. Neither method may throw. */
export interface Subscriber {
  /** What one commit means for this subscriber, in order. */
  offer(notifications: readonly Notification[]): void;
  /** The subscription cannot go on; the error says why. */
  fail(error: BerthError): void;
}

/** A view of the cell that tells of each commit as soon as it shows it. A replica is one. */
export interface ChangingView extends CellView {
  readonly changes$: Observable<CommitChanges>;
}

/**
 * Turns each commit into notifications, once, and hands them to those whom they concern: subscribers of everything get all,
 * a subscriber of one job costs nothing while other jobs change.
 */
export class ObserveHub {
  readonly #view: ChangingView;
  readonly #log: Logger;
  readonly #ofAll = new Set<Subscriber>();
  readonly #ofJob = new Map<string, Set<Subscriber>>();
  readonly #subscription: Subscription;

  constructor(view: ChangingView, log: Logger) {
    this.#view = view;
    this.#log = log;
    this.#subscription = view.changes$.subscribe((commit) => this.#tell(commit));
  }

  /** Tells the subscriber of all changes from now on. Returns what ends that; it may be called again. */
  subscribeAll(subscriber: Subscriber): () => void {
    this.#ofAll.add(subscriber);
    return () => this.#ofAll.delete(subscriber);
  }

  /** Like {@link subscribeAll}, of the changes of one job. */
  subscribeJob(jobId: string, subscriber: Subscriber): () => void {
    const subscribers = this.#ofJob.get(jobId) ?? new Set();
    subscribers.add(subscriber);
    this.#ofJob.set(jobId, subscribers);
    return () => {
      subscribers.delete(subscriber);
      if (subscribers.size === 0 && this.#ofJob.get(jobId) === subscribers) this.#ofJob.delete(jobId);
    };
  }

  close(): void {
    this.#subscription.unsubscribe();
  }

  #tell(commit: CommitChanges): void {
    if (this.#ofAll.size === 0 && this.#ofJob.size === 0) return;
    if (commit.actor === resyncActor && contradictsHistory(commit, this.#view)) return this.#failAll(commit);
    const notifications = notificationsOf(commit, this.#view);
    if (notifications.length === 0) return;
    // A subscriber may leave while it is told.
    for (const subscriber of [...this.#ofAll]) subscriber.offer(notifications);
    if (this.#ofJob.size > 0) this.#tellOfJobs(notifications);
  }

  /** The notifications of one job stand together. */
  #tellOfJobs(notifications: readonly Notification[]): void {
    let start = 0;
    for (let end = 1; end <= notifications.length; end += 1) {
      const jobId = notifications[start]?.jobId ?? '';
      if (notifications[end]?.jobId === jobId) continue;
      const subscribers = this.#ofJob.get(jobId);
      if (subscribers !== undefined) {
        const ofJob = notifications.slice(start, end);
        for (const subscriber of [...subscribers]) subscriber.offer(ofJob);
      }
      start = end;
    }
  }

  #failAll({ revision }: CommitChanges): void {
    const subscribers = [...this.#ofAll, ...[...this.#ofJob.values()].flatMap((ofJob) => [...ofJob])];
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
