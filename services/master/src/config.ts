import { fitPolicies } from '@berth/shared/model/placement/preferences';
import { cellConfigShape, durationMs, listenAddress } from '@berth/shared/process/config';
import { z } from 'zod';
import type { Limits } from './core/limits.js';

const count = (fallback: number) => z.coerce.number().int().positive().default(fallback);
const span = (fallback: string) => durationMs.prefault(fallback);

/** The master's environment variables, with their defaults. */
export const masterConfigSchema = z.object({
  ...cellConfigShape,
  BERTH_MASTER_HTTP: listenAddress('127.0.0.1:7280'),
  /** A standby takes over within this time of the leader's last sign of life. */
  BERTH_MASTER_LEASE: span('3s'),
  /** How long an agent may be silent before its tasks are replaced elsewhere. */
  BERTH_AGENT_TIMEOUT: span('20s'),
  BERTH_MASTER_MAX_NOT_RUNNING_PER_JOB: count(500),
  BERTH_MASTER_STUCK_DISPATCHED: span('60s'),
  /** Pulling a large image takes its time. */
  BERTH_MASTER_STUCK_STARTING: span('12m'),
  BERTH_MASTER_KILL_GRACE: span('10s'),
  BERTH_MASTER_STOP_CONFIRM: span('60s'),
  BERTH_MASTER_MIN_BACKOFF: span('1s'),
  BERTH_MASTER_MAX_BACKOFF: span('30s'),
  BERTH_MASTER_STABLE_RUN: span('5m'),
  /** Finished jobs stay in memory everywhere for this long, and for at most so many. */
  BERTH_MASTER_FINISHED_RETENTION: span('10m'),
  BERTH_MASTER_MAX_FINISHED_JOBS: count(10_000),
  BERTH_MASTER_MAX_REPLACED_TASKS_PER_JOB: count(20),
  /** How agents are chosen for jobs that do not say. */
  BERTH_MASTER_FIT_POLICY: z
    .enum(fitPolicies, { error: `must be ${fitPolicies.join(', ')}` })
    .default('binpack'),
  BERTH_MASTER_ARCHIVE_TTL: span('168h'),
  /** Replicas of Redis that must have a commit before it counts. */
  BERTH_REDIS_WAIT_REPLICAS: z.coerce.number().int().nonnegative().default(0),
});

export type MasterConfig = z.output<typeof masterConfigSchema>;

export function limitsOf(config: MasterConfig): Limits {
  return {
    maxNotRunningPerJob: config.BERTH_MASTER_MAX_NOT_RUNNING_PER_JOB,
    stuckDispatchedMs: config.BERTH_MASTER_STUCK_DISPATCHED,
    stuckStartingMs: config.BERTH_MASTER_STUCK_STARTING,
    killGraceMs: config.BERTH_MASTER_KILL_GRACE,
    stopConfirmMs: config.BERTH_MASTER_STOP_CONFIRM,
    minBackoffMs: config.BERTH_MASTER_MIN_BACKOFF,
    maxBackoffMs: config.BERTH_MASTER_MAX_BACKOFF,
    stableRunMs: config.BERTH_MASTER_STABLE_RUN,
    finishedRetentionMs: config.BERTH_MASTER_FINISHED_RETENTION,
    maxReplacedTasksPerJob: config.BERTH_MASTER_MAX_REPLACED_TASKS_PER_JOB,
    archiveTtlMs: config.BERTH_MASTER_ARCHIVE_TTL,
    fitPolicy: config.BERTH_MASTER_FIT_POLICY,
  };
}
