import type { Resources } from '@berth/shared/gen/berth/v1/store';
import type { FitPolicy } from '@berth/shared/model/job/placement-preferences';

/** Everything about reconciliation that an operator may tune. Times are in milliseconds. */
export interface Limits {
  /** Tasks of one job that may be live and not yet RUNNING, so that a crash loop cannot flood the cell. */
  readonly maxNotRunningPerJob: number;
  /** A task placed on an agent that shows no sign of work for this long has failed. */
  readonly stuckDispatchedMs: number;
  /** A task that takes longer than this to start has failed. Pulling its image counts. */
  readonly stuckStartingMs: number;
  /** Between SIGTERM and SIGKILL of a stopped container. */
  readonly killGraceMs: number;
  /** How long, after the grace, an agent may take to confirm a stop before the task counts as ended. */
  readonly stopConfirmMs: number;
  /** Delays after system failures, and after service tasks that end at once, double between these two. */
  readonly minBackoffMs: number;
  readonly maxBackoffMs: number;
  /** A task that ran for this long has proved itself: earlier failures no longer lengthen its delays. */
  readonly stableRunMs: number;
  /** How long a stage waits for the one before it to run before it begins without; the third stage twice as long. */
  readonly stageWaitMs: number;
  /** How long finished jobs, and replaced tasks of live jobs, stay in the replica before they are archived. */
  readonly finishedRetentionMs: number;
  /** Replaced tasks of one live job that stay in the replica for that time; beyond these the oldest leave earlier. */
  readonly maxReplacedTasksPerJob: number;
  readonly archiveTtlMs: number;
  /** How agents are chosen for jobs that do not say; `binpack` where it is not given. */
  readonly fitPolicy?: FitPolicy;
  /** Where containers reach the gateways over HTTP; where it is not given they are not told. */
  readonly apiUrl?: string;
  /** Whether that address reaches only containers on the host's own network; others are not told what leads them nowhere. */
  readonly apiIsLoopback?: boolean;
  /** What capacity groups can count on; where it is not given, groups make no difference. */
  readonly guarantees?: ReadonlyMap<string, Resources>;
  /** Whether critical tasks may stop flex ones to get their room. */
  readonly preempts?: boolean;
}
