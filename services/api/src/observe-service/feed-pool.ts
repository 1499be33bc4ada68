import type { Logger } from '@berth/shared/process/logger';
import { newsOf } from '../core/cell-news.js';
import type { Subscription } from '../core/subscription.js';
import type { Packing } from '../message-packing.js';
import { type ChangingView, ObserveHub } from '../observe-hub.js';
import type { Item } from './items.js';
import { itemMessages, type Mask } from './news-encoding.js';

/** What subscribers who ask for the same share: what they are told, and its bytes. */
export interface CellFeed {
  readonly hub: ObserveHub<Item>;
  readonly mask: Mask;
  readonly packing: Packing<Item>;
}

interface Shared {
  readonly feed: CellFeed;
  users: number;
}

/** The feeds that are in use. What is wanted by many is worked out and encoded once. */
export class FeedPool {
  readonly #view: ChangingView;
  readonly #log: Logger;
  readonly #byKey = new Map<string, Shared>();

  constructor(view: ChangingView, log: Logger) {
    this.#view = view;
    this.#log = log;
  }

  /** The feed of a subscription, to be given back when it ends. */
  acquire(subscription: Subscription): CellFeed {
    const shared = this.#byKey.get(subscription.key) ?? { feed: this.#open(subscription), users: 0 };
    shared.users += 1;
    this.#byKey.set(subscription.key, shared);
    return shared.feed;
  }

  release({ key }: Subscription): void {
    const shared = this.#byKey.get(key);
    if (shared === undefined) return;
    shared.users -= 1;
    if (shared.users > 0) return;
    this.#byKey.delete(key);
    shared.feed.hub.close();
  }

  #open({ selection, jobFields, taskFields }: Subscription): CellFeed {
    const mask = { job: jobFields, task: taskFields };
    const hub = new ObserveHub<Item>(
      {
        notificationsOf: (commit, view) => newsOf(commit, view, selection),
        topicOf: () => '',
        // Which revisions were lost is told, and all begins anew.
        isBroken: () => true,
      },
      this.#view,
      this.#log,
    );
    return { hub, mask, packing: { messagesOf: (items) => itemMessages(items, mask) } };
  }
}
