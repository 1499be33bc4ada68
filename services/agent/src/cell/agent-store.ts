import type {
  AssignmentFeed,
  Committer,
  Heartbeats,
  LogReader,
  LogWitness,
  ReportOutbox,
  SampleOutbox,
} from '@berth/store';

/** The parts of a cell's store that agents use. */
export interface AgentStore extends Committer, Heartbeats, LogWitness, ReportOutbox, SampleOutbox {
  openAssignmentFeed(name: string): AssignmentFeed;
  openLogReader(): LogReader;
}
