export type { Archive, ArchiveWrite } from './contract/archive.js';
export type { AssignmentChange, AssignmentFeed, AssignmentWrite } from './contract/assignments.js';
export type { CellStore } from './contract/cell-store.js';
export type { Claim, Claims, Release } from './contract/claims.js';
export {
  type CommitRequest,
  type CommitResult,
  type Committer,
  maxWritesPerCommit,
  type Write,
} from './contract/commit.js';
export type { Heartbeats } from './contract/heartbeats.js';
export type { CellIdentity } from './contract/identity.js';
export type { HeldLease, LeaderLease } from './contract/lease.js';
export { archivePartBytes, entriesPerRead } from './contract/limits.js';
export type {
  LogContinuity,
  LogEntry,
  LogHead,
  LogRead,
  LogReader,
  LogReaderOptions,
  StoredEntity,
} from './contract/log.js';
export type { ObserverRegistry } from './contract/observers.js';
export type { QueuedReport, ReportInbox, ReportOutbox } from './contract/reports.js';
export type { SampleFeed, SampleOutbox } from './contract/samples.js';
export type { Tuning } from './contract/tuning.js';
export { openStore, type StoreOptions } from './open-store.js';
export { archivedEntities, archivedTask, archivedTaskField } from './wire/archived-fields.js';
