import type { Archive } from './archive.js';
import type { AssignmentFeed } from './assignments.js';
import type { Claims } from './claims.js';
import type { Committer } from './commit.js';
import type { Heartbeats } from './heartbeats.js';
import type { CellIdentity } from './identity.js';
import type { LeaderLease } from './lease.js';
import type { LogContinuity, LogReader, LogReaderOptions } from './log.js';
import type { ObserverRegistry } from './observers.js';
import type { ReportInbox, ReportOutbox } from './reports.js';
import type { SampleFeed, SampleOutbox } from './samples.js';
import type { Tuning } from './tuning.js';

/** The whole storage of a cell, as one process uses it. */
export interface CellStore
  extends Committer,
    Archive,
    CellIdentity,
    Claims,
    Heartbeats,
    LogContinuity,
    ReportOutbox,
    SampleOutbox,
    ObserverRegistry,
    LeaderLease {
  /** The tuning that this process has chosen. Its replicas and feeds have the same. `on` if absent. */
  readonly tuning?: Tuning;
  /** Opens a reader of the change log. The caller closes it. */
  openLogReader(options?: LogReaderOptions): LogReader;
  /** Opens the master's end of the reports. The caller closes it. */
  openReportInbox(): ReportInbox;
  /** Opens the feed of this name, which brings changes of assignments to agents. The caller closes it. */
  openAssignmentFeed(name: string): AssignmentFeed;
  /**
   * Opens the master's end of the samples, which brings those that are published from then on. The caller
   * closes it.
   */
  openSampleFeed(): SampleFeed;
  /** Resolves when the store answers. Fails with BerthError `unavailable` if it does not answer in time. */
  ping(): Promise<void>;
  /**
   * Ends every use of the store, readers included. Calls that wait for an answer fail with BerthError
   * `unavailable`.
   */
  close(): Promise<void>;
}
