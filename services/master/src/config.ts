import { imageSettingsShape } from '@berth/registry';
import { parseGuarantees } from '@berth/scheduler';
import { isLoopback } from '@berth/shared/process/address';
import { cellConfigShape, listenAddress } from '@berth/shared/process/config';
import { count, positiveCount, span } from '@berth/shared/process/config-fields';
import { fitPolicySetting } from '@berth/shared/process/placement-settings';
import { z } from 'zod';
import type { Limits } from './core/task/limits.js';
import type { LeaderSettings } from './leader/leader-loops.js';

/** A run that is kept has at most 1 KiB, and every gateway and master holds it. */
const keptRuns = count.max(100, { error: 'must be at most 100' });

const settings = z.object({
  ...cellConfigShape,
  ...imageSettingsShape,
  BERTH_MASTER_HTTP: listenAddress('127.0.0.1:7280'),
  /** A standby takes over within this time of the leader's last sign of life. */
  BERTH_MASTER_LEASE: span('3s', { least: '500ms' }),
  /** How long an agent may be silent before its tasks are replaced elsewhere. */
  BERTH_AGENT_TIMEOUT: span('20s', { least: '1s' }),
  BERTH_MASTER_MAX_NOT_RUNNING_PER_JOB: positiveCount.default(500),
  BERTH_MASTER_STUCK_DISPATCHED: span('60s', { least: '1s' }),
  /** Pulling a large image takes long. */
  BERTH_MASTER_STUCK_STARTING: span('12m', { least: '1s' }),
  BERTH_MASTER_KILL_GRACE: span('10s'),
  /** The longest time that a container may ask for. */
  BERTH_MASTER_MAX_KILL_GRACE: span('10m'),
  BERTH_MASTER_STOP_CONFIRM: span('60s', { least: '1s' }),
  BERTH_MASTER_MIN_BACKOFF: span('1s', { least: '10ms' }),
  BERTH_MASTER_MAX_BACKOFF: span('30s', { least: '10ms' }),
  BERTH_MASTER_STABLE_RUN: span('5m', { least: '1s' }),
  /**
   * A stage begins at the latest this long after the one before it could begin, even if that one does not
   * run.
   */
  BERTH_MASTER_STAGE_WAIT: span('30s'),
  /** Finished jobs stay in memory everywhere for this long, and at most this many of them. */
  BERTH_MASTER_FINISHED_RETENTION: span('10m'),
  BERTH_MASTER_MAX_FINISHED_JOBS: positiveCount.default(10_000),
  /** Of each job cluster, the last runs stay listed after their jobs have left: how each of them ended. */
  BERTH_MASTER_KEPT_RUNS_ENDED_WELL: keptRuns.default(5),
  BERTH_MASTER_KEPT_RUNS_FAILED: keptRuns.default(10),
  BERTH_MASTER_MAX_REPLACED_TASKS_PER_JOB: positiveCount.default(20),
  /** How agents are chosen for jobs that set no policy. */
  BERTH_MASTER_FIT_POLICY: fitPolicySetting,
  /** How often scaling policies are checked; stages have a sample each six checks. */
  BERTH_MASTER_SCALING_INTERVAL: span('5s', { least: '10ms' }),
  /** With `on` a critical task may preempt flex ones. */
  BERTH_MASTER_PREEMPTION: z.enum(['on', 'off'], { error: 'must be on or off' }).default('off'),
  /** The guarantees of capacity groups; without them groups make no difference. */
  BERTH_MASTER_CAPACITY_GROUPS: z
    .string()
    .transform((text, context) => {
      const guarantees = parseGuarantees(text);
      if (typeof guarantees !== 'string') return guarantees;
      context.addIssue(guarantees);
      return z.NEVER;
    })
    .optional(),
  BERTH_MASTER_ARCHIVE_TTL: span('168h', { least: '1s' }),
  /** The gateways' HTTP address for containers of stages; empty: they do not get one. */
  BERTH_MASTER_API_URL: z
    .literal('')
    .or(z.url({ protocol: /^https?$/, error: 'must be an http or https URL, such as http://gateway:7180' }))
    .default('')
    .transform((url) => url.replace(/\/+$/, '')),
  /** The number of Redis replicas that must have a commit before it counts. */
  BERTH_REDIS_WAIT_REPLICAS: count.default(0),
});

/** The master's environment variables, with their defaults. */
export const masterConfigSchema = settings.refine((config) => !backsOffBackwards(config), {
  path: ['BERTH_MASTER_MIN_BACKOFF'],
  error: 'must not be longer than BERTH_MASTER_MAX_BACKOFF',
  // Reported together with the other mistakes.
  when: () => true,
});

/** A setting that is wrong in itself is no number. */
function backsOffBackwards(config: Partial<z.output<typeof settings>>): boolean {
  const { BERTH_MASTER_MIN_BACKOFF: minMs, BERTH_MASTER_MAX_BACKOFF: maxMs } = config;
  return typeof minMs === 'number' && typeof maxMs === 'number' && minMs > maxMs;
}

export type MasterConfig = z.output<typeof masterConfigSchema>;

/** Returns the settings that the loops of a leader read. */
export function leaderSettingsOf(config: MasterConfig): LeaderSettings {
  return {
    limits: limitsOf(config),
    agentTimeoutMs: config.BERTH_AGENT_TIMEOUT,
    maxFinishedJobs: config.BERTH_MASTER_MAX_FINISHED_JOBS,
    scalingIntervalMs: config.BERTH_MASTER_SCALING_INTERVAL,
    images: config,
  };
}

export function limitsOf(config: MasterConfig): Limits {
  return {
    maxNotRunningPerJob: config.BERTH_MASTER_MAX_NOT_RUNNING_PER_JOB,
    stuckDispatchedMs: config.BERTH_MASTER_STUCK_DISPATCHED,
    stuckStartingMs: config.BERTH_MASTER_STUCK_STARTING,
    killGraceMs: config.BERTH_MASTER_KILL_GRACE,
    maxKillGraceMs: config.BERTH_MASTER_MAX_KILL_GRACE,
    stopConfirmMs: config.BERTH_MASTER_STOP_CONFIRM,
    minBackoffMs: config.BERTH_MASTER_MIN_BACKOFF,
    maxBackoffMs: config.BERTH_MASTER_MAX_BACKOFF,
    stableRunMs: config.BERTH_MASTER_STABLE_RUN,
    stageWaitMs: config.BERTH_MASTER_STAGE_WAIT,
    finishedRetentionMs: config.BERTH_MASTER_FINISHED_RETENTION,
    maxReplacedTasksPerJob: config.BERTH_MASTER_MAX_REPLACED_TASKS_PER_JOB,
    archiveTtlMs: config.BERTH_MASTER_ARCHIVE_TTL,
    keptRuns: {
      endedWell: config.BERTH_MASTER_KEPT_RUNS_ENDED_WELL,
      failed: config.BERTH_MASTER_KEPT_RUNS_FAILED,
    },
    fitPolicy: config.BERTH_MASTER_FIT_POLICY,
    preempts: config.BERTH_MASTER_PREEMPTION === 'on',
    ...(config.BERTH_MASTER_CAPACITY_GROUPS && { guarantees: config.BERTH_MASTER_CAPACITY_GROUPS }),
    ...apiLimits(config.BERTH_MASTER_API_URL),
  };
}

function apiLimits(apiUrl: string): Pick<Limits, 'apiUrl' | 'apiIsLoopback'> {
  if (apiUrl === '') return {};
  const host = new URL(apiUrl).hostname.replace(/^\[|\]$/g, '');
  return { apiUrl, apiIsLoopback: isLoopback(host) };
}
