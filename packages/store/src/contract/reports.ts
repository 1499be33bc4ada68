import type { TaskReport } from '@berth/shared/gen/berth/v1/store';

/** A report and the stream id of its batch. One acknowledgement covers a whole batch. */
export interface QueuedReport {
  readonly streamId: string;
  readonly report: TaskReport;
}

/** The agents' end of the reports. */
export interface ReportOutbox {
  /** Stores the reports durably, in order. */
  publish(reports: readonly TaskReport[]): Promise<void>;
}

/** The master's end of the reports. Only a commit acknowledges (removes) them. */
export interface ReportInbox {
  /**
   * Returns the reports after `afterId` (`0`: from the first unacknowledged), of at most `limit` whole
   * batches. Waits up to `blockMs` for one.
   */
  readReports(afterId: string, limit: number, blockMs: number): Promise<readonly QueuedReport[]>;
  close(): Promise<void>;
}
