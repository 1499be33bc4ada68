import type {
  Archive,
  AssignmentFeed,
  Claims,
  Committer,
  Heartbeats,
  LeaderLease,
  LogReader,
  LogReaderOptions,
  LogWitness,
  ReportInbox,
  ReportOutbox,
  SampleFeed,
  SampleOutbox,
  Subscriptions,
} from './store.js';

/** All of a cell's storage, as one process uses it: over Redis, or in memory for tests and simulation. */
export interface CellStore
  extends Committer,
    Archive,
    Claims,
    Heartbeats,
    LogWitness,
    ReportOutbox,
    SampleOutbox,
    Subscriptions,
    LeaderLease {
  /** A reader of the change log. The caller closes it. */
  openLogReader(options?: LogReaderOptions): LogReader;
  /** The master's end of the reports. The caller closes it. */
  openReportInbox(): ReportInbox;
  /** The agents' end of the assignments that are told on the feed of this name. The caller closes it. */
  openAssignmentFeed(name: string): AssignmentFeed;
  /** The master's ear for samples; hears nothing of what was published before. The caller closes it. */
  openSampleFeed(): SampleFeed;
  /** Resolves when the store answers; fails with BerthError `unavailable` when it does not in time. */
  ping(): Promise<void>;
  /** Ends every use of the store, readers included: what is under way fails with BerthError `unavailable`. */
  close(): Promise<void>;
}
