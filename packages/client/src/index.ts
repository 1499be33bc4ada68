/** The public interface for callers and subscribers of a Berth cell. */

export { ObservedKind } from '@berth/shared/gen/berth/v1/observe_service';
export type { Stage, StageWorker } from '@berth/shared/gen/berth/v1/stage_service';
export {
  type Job as RegisteredJob,
  type JobInstance,
  JobState as InstanceState,
} from '@berth/shared/gen/job/v1/job_service';
export type { Page, Pagination, RetryPolicy } from '@berth/shared/gen/netflix/titus/titus_base';
export type {
  Constraints,
  Container,
  Image,
  Job,
  JobChangeNotification,
  JobCluster,
  JobClusterDescriptor,
  JobClusterNotification,
  JobDescriptor,
  JobQuery,
  JobState,
  StateChange,
  Task,
  TaskInstances,
  TaskQuery,
  TaskState,
} from '@berth/shared/gen/netflix/titus/titus_job_api';
export {
  BerthError,
  type BerthErrorCode,
  type FieldViolation,
  type IdFailure,
} from '@berth/shared/model/errors/errors';
export { State, type StateName, stateName } from '@berth/shared/model/task/task-state';
export type { Clock } from '@berth/shared/process/clock';
export type { Random } from '@berth/shared/process/random';
export { BerthClient } from './berth-client.js';
export { AgentCalls, type DrainOptions } from './calls/agent-calls.js';
export { JobCalls, type Ref } from './calls/job-calls.js';
export {
  type ExecutionOptions,
  type InstanceList,
  type InstanceQuery,
  KindCalls,
} from './calls/kind-calls.js';
export { PlacementCalls } from './calls/placement-calls.js';
export { type ExplainScalingOptions, ScalingCalls } from './calls/scaling-calls.js';
export { type RunsQuery, ScheduleCalls } from './calls/schedule-calls.js';
export { UnreachableError } from './connection/failure.js';
export type {
  Caller,
  CallOptions,
  CellObserveOptions,
  ClientLog,
  ClientTls,
  ConnectOptions,
  CreateOptions,
  InstancesOptions,
  ObserveOptions,
  Paged,
  PageOptions,
  WatchStagesOptions,
} from './connection/options.js';
export { CellObservation } from './observe/cell-stream.js';
export type { FollowedJob } from './observe/followed-job.js';
export type { CellEvent } from './observe/resume-point.js';
export type { CountBy, CountOptions, TaskCount, TaskCounts } from './observe/task-counts.js';
