import type { CellView } from '@berth/shared/model/cell/cell-view';
import { nextTurn } from '@berth/shared/process/clock';
import type { Logger } from '@berth/shared/process/logger';
import type { ChangingView } from '../../gateway/views/changing-view.js';
import type { ObserveTuning } from '../../tuning/observe-tuning.js';
import type { Packing } from '../stream/message-packing.js';
import { type Feed, ObserveHub } from '../stream/observe-hub.js';
import { type CellSelection, changesOf, headerOf } from './core/cell-changes.js';
import type { Item } from './core/items.js';
import type { ParsedObserveRequest } from './core/observe-request.js';
import { type Dimension, TaskCounts } from './core/task-counts.js';
import { type ChangeFormat, itemMessages } from './encoding/change-encoding.js';
import { countItemMessages } from './encoding/count-encoding.js';

/** The changes and their bytes, shared by all subscribers with the same request. */
export interface CellFeed {
  /** The request of the first of them, without the interval of bookmarks: each subscriber has its own. */
  readonly subscription: Omit<ParsedObserveRequest, 'bookmarkIntervalMs'>;
  readonly hub: ObserveHub<Item>;
  readonly format: ChangeFormat;
  readonly packing: Packing<Item>;
  /** The numbers of tasks, if subscribers get these instead of changes. */
  readonly counts?: CurrentCounts;
}

/** Numbers of tasks that follow the cell. */
interface CurrentCounts {
  readonly counts: TaskCounts;
  /** Resolves once all tasks have been counted. */
  readonly ready: Promise<void>;
}

interface SharedFeed {
  readonly feed: CellFeed;
  readonly closed: AbortController;
  users: number;
}

/** Tasks that are counted before other work gets its turn. */
const countedPerTurn = 1_000;

/**
 * The feeds that are in use. Subscribers with the same request share one, so each change is selected and
 * encoded once for all of them.
 */
export class FeedPool {
  readonly #view: ChangingView;
  readonly #log: Logger;
  readonly #tuning: ObserveTuning;
  readonly #byKey = new Map<string, SharedFeed>();

  constructor(view: ChangingView, log: Logger, tuning: ObserveTuning) {
    this.#view = view;
    this.#log = log;
    this.#tuning = tuning;
  }

  /** Returns the feed of a subscription. The caller must release it when the subscription ends. */
  acquire(subscription: ParsedObserveRequest): CellFeed {
    const shared = this.#byKey.get(subscription.key) ?? this.#open(subscription);
    shared.users += 1;
    this.#byKey.set(subscription.key, shared);
    return shared.feed;
  }

  release({ subscription: { key } }: CellFeed): void {
    const shared = this.#byKey.get(key);
    if (shared === undefined) return;
    shared.users -= 1;
    if (shared.users > 0) return;
    this.#byKey.delete(key);
    shared.closed.abort();
    shared.feed.hub.close();
  }

  #open(subscription: ParsedObserveRequest): SharedFeed {
    const { selection, jobFields, taskFields, countBy } = subscription;
    const format = { job: jobFields, task: taskFields, encoder: this.#tuning.changes };
    const closed = new AbortController();
    if (countBy !== undefined)
      return {
        feed: { subscription, format, ...this.#openCounts(selection, countBy, closed.signal) },
        closed,
        users: 0,
      };
    const hub = this.#hubOf({
      notificationsOf: (commit, view) => changesOf(commit, view, selection),
      topicOf: () => '',
      // Each subscriber gets a reset with the lost revisions, and a new snapshot.
      isBroken: () => true,
    });
    return {
      feed: { subscription, hub, format, packing: { messagesOf: (items) => itemMessages(items, format) } },
      closed,
      users: 0,
    };
  }

  #openCounts(
    { filter }: CellSelection,
    dimensions: readonly Dimension[],
    closed: AbortSignal,
  ): Pick<CellFeed, 'hub' | 'packing' | 'counts'> {
    const counts = new TaskCounts({ dimensions, filter });
    const hub = this.#hubOf({
      notificationsOf: (commit, view) => {
        const mark = headerOf(commit);
        return counts
          .take(commit, view)
          .map((changed) => ({ ...changed, kind: 'count' as const, commit: mark }));
      },
      topicOf: () => '',
      // Numbers may go back.
      isBroken: () => false,
      seesAll: true,
    });
    // The hub sees every commit from here on. Meanwhile the tasks that exist already are counted.
    const ready = countAll(counts, this.#view, closed);
    return { hub, packing: { messagesOf: countItemMessages }, counts: { counts, ready } };
  }

  #hubOf(feed: Feed<Item>): ObserveHub<Item> {
    return new ObserveHub<Item>(feed, this.#view, this.#log, this.#tuning.subscribersPerTurn);
  }
}

async function countAll(counts: TaskCounts, view: CellView, closed: AbortSignal): Promise<void> {
  const ids = Array.from(view.all('task'), ({ id }) => id);
  for (let at = 0; at < ids.length && !closed.aborted; at += countedPerTurn) {
    counts.count(ids.slice(at, at + countedPerTurn), view);
    await nextTurn();
  }
}
