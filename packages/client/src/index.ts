/** What a caller or subscriber of a Berth cell imports. */

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
} from '@berth/shared/model/errors';
export { State, type StateName, stateName } from '@berth/shared/model/task-state';
export { AgentCalls, type DrainOptions } from './agent-calls.js';
export { BerthClient } from './berth-client.js';
export { CellObservation } from './cell-stream.js';
export { UnreachableError } from './failure.js';
export { JobCalls, type Ref } from './job-calls.js';
export type { JobView } from './job-view.js';
export { type InstanceQuery, type Instances, KindCalls, type Scheduling } from './kind-calls.js';
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
} from './options.js';
export type { CellEvent } from './resume-point.js';
export { type ExplainScalingOptions, ScalingCalls } from './scaling-calls.js';
export { type FiresQuery, ScheduleCalls } from './schedule-calls.js';
export type { CountBy, CountOptions, TaskCount, TaskCounts } from './task-counts.js';
