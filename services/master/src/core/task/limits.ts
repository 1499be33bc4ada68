import type { Resources } from '@berth/shared/gen/berth/v1/store';
import type { FitPolicy } from '@berth/shared/model/job/placement-preferences';

/** The settings of reconciliation and placement that an operator may tune. Times are in milliseconds. */
export interface Limits {
  /** Tasks of one job that may be live and not yet RUNNING, so that a crash loop cannot flood the cell. */
  readonly maxNotRunningPerJob: number;
  /** A task placed on an agent that shows no sign of work for this long has failed. */
  readonly stuckDispatchedMs: number;
  /** A task that takes longer than this to start has failed. The time to pull its image counts. */
  readonly stuckStartingMs: number;
  /** The time between SIGTERM and SIGKILL of a stopped container that asks for none of its own. */
  readonly killGraceMs: number;
  /** The longest such time that a container may ask for. */
  readonly maxKillGraceMs: number;
  /** The time that an agent has, after the grace, to confirm a stop before the task counts as ended. */
  readonly stopConfirmMs: number;
  /** Delays after system failures, and after service tasks that end at once, double between these two. */
  readonly minBackoffMs: number;
  readonly maxBackoffMs: number;
  /** A task that ran for this long is stable: earlier failures no longer lengthen its delays. */
  readonly stableRunMs: number;
  /**
   * A stage waits this long for the one before it to run, then begins without; the third stage waits twice as
   * long.
   */
  readonly stageWaitMs: number;
  /**
   * Finished jobs, and replaced tasks of live jobs, stay in the replica for this long before they are
   * archived.
   */
  readonly finishedRetentionMs: number;
  /**
   * Replaced tasks of one live job that stay in the replica for that time; beyond these the oldest leave
   * earlier.
   */
  readonly maxReplacedTasksPerJob: number;
  readonly archiveTtlMs: number;
  /**
   * Runs of each cluster that stay listed for good, by their outcome; absent: 5 that ended well, 10 others.
   */
  readonly keptRuns?: { readonly endedWell: number; readonly failed: number };
  /** How agents are chosen for jobs that set no policy; absent: `binpack`. */
  readonly fitPolicy?: FitPolicy;
  /** The gateways' HTTP address for containers; absent: containers do not get one. */
  readonly apiUrl?: string;
  /** True if only containers on the host's own network reach that address; others do not get it. */
  readonly apiIsLoopback?: boolean;
  /** The guarantees of capacity groups; absent: groups make no difference. */
  readonly guarantees?: ReadonlyMap<string, Resources>;
  /** True if critical tasks may preempt flex ones. */
  readonly preempts?: boolean;
}
