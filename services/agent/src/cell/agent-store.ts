import type {
  AssignmentFeed,
  CellIdentity,
  Committer,
  Heartbeats,
  LogContinuity,
  LogReader,
  ReportOutbox,
  SampleOutbox,
} from '@berth/store';

/** The parts of a cell's store that agents use. */
export interface AgentStore
  extends Committer,
    Heartbeats,
    LogContinuity,
    Pick<CellIdentity, 'findCellId'>,
    ReportOutbox,
    SampleOutbox {
  openAssignmentFeed(name: string): AssignmentFeed;
  openLogReader(): LogReader;
}
