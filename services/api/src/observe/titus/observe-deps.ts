import type { Cell } from '../../gateway/cell.js';
import type { OpenStream } from '../../gateway/metrics.js';
import type { ObserveTuning } from '../../tuning/observe-tuning.js';
import type { ObserveHub } from '../stream/observe-hub.js';
import type { SilenceBreaker } from '../stream/silence.js';
import type { ClusterNotification } from './core/cluster-notifications.js';
import type { JobNotification } from './core/job-notifications.js';
import type { ObserverHeartbeats } from './observer-heartbeats.js';

/** The parts of the gateway that serve the streams of jobs and clusters. */
export interface ObserveDeps {
  readonly cell: Cell;
  readonly tuning: ObserveTuning;
  readonly jobs: ObserveHub<JobNotification>;
  readonly clusters: ObserveHub<ClusterNotification>;
  /** The open streams, for the metrics. */
  readonly streams: Set<OpenStream>;
  readonly heartbeats: ObserverHeartbeats;
  /** Sends an empty notification after a time without any. */
  readonly silence: SilenceBreaker;
}
