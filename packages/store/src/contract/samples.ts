import type { SampleBatch } from '@berth/shared/gen/berth/v1/store';
import type { Observable } from 'rxjs';

/**
 * The agents' end of the samples of tasks' usage. The store does not keep samples, so they never wait for a
 * disk.
 */
export interface SampleOutbox {
  /**
   * Tries once, and fails with BerthError `unavailable` if the store does not take the batch at once: samples
   * must not queue before reports and heartbeats. A batch should be small (some hundred samples).
   */
  publishSamples(batch: SampleBatch): Promise<void>;
}

/**
 * The master's end of the samples. It misses those that are published while it is closed, or while the store
 * is away.
 */
export interface SampleFeed {
  /** Hot: a subscriber gets the batches after its subscription. Completes when the feed is closed. */
  readonly batches$: Observable<SampleBatch>;
  close(): Promise<void>;
}
