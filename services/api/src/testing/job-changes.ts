import { silentLogger } from '@berth/shared/process/logger';
import type { ChangingView } from '../gateway/views/changing-view.js';
import { ObserveHub, type Subscriber } from '../observe/stream/observe-hub.js';
import type { JobNotification } from '../observe/titus/core/job-notifications.js';
import { jobFeed } from '../observe/titus/feeds.js';
import { tuned } from '../tuning/observe-tuning.js';

/**
 * Returns the hub of a gateway's job notifications, for benchmarks that encode and send them in another way.
 */
export function openJobChanges(view: ChangingView): {
  /** Returns a function that ends the subscription. */
  subscribe(subscriber: Subscriber<JobNotification>): () => void;
} {
  const hub = new ObserveHub(jobFeed, view, silentLogger, tuned.subscribersPerTurn);
  return { subscribe: (subscriber) => hub.subscribeAll(subscriber) };
}
