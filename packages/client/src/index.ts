/** What a caller or subscriber of a Berth cell imports. */

export { ObservedKind } from '@berth/shared/gen/berth/v1/observe_service';
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
export { BerthClient } from './berth-client.js';
export { UnreachableError } from './failure.js';
export { JobCalls, type Ref } from './job-calls.js';
export type { JobView } from './job-view.js';
export type {
  Caller,
  CallOptions,
  CellObserveOptions,
  ClientLog,
  ConnectOptions,
  CreateOptions,
  InstancesOptions,
  ObserveOptions,
} from './options.js';
export type { CellEvent } from './resume-point.js';
