import {
  AgentDrainRecord,
  AgentRecord,
  AgentState,
  AgentStatusRecord,
  JobRecord,
  type JobStatusRecord,
  type TaskRecord,
  TaskReport,
} from '@berth/shared/gen/berth/v1/store';
import type { RetryPolicy } from '@berth/shared/gen/netflix/titus/titus_base';
import {
  type DeepPartial,
  JobDescriptor,
  type MantisJobSLA,
} from '@berth/shared/gen/netflix/titus/titus_job_api';
import { taskIdOf } from '@berth/shared/model/task/task-id';
import { isTerminal, moveTask, State } from '@berth/shared/model/task/task-state';
import { assignTask } from '../core/placement/assign-task.js';
import type { JobInCell } from '../core/reconcile/job-in-cell.js';
import { type JobDecision, reconcile } from '../core/reconcile/reconcile.js';
import type { ReconcileContext } from '../core/reconcile/reconcile-context.js';
import { endTask } from '../core/task/end-task.js';
import type { Limits } from '../core/task/limits.js';
import { newTask } from '../core/task/new-task.js';

/** The start time of tests. */
export const t0 = Date.UTC(2026, 0, 1);
export const second = 1000;
export const minute = 60 * second;

/** Limits with different round numbers, so that a test shows the limit that it met. */
export const limits: Limits = {
  maxNotRunningPerJob: 100,
  stuckDispatchedMs: 60 * second,
  stuckStartingMs: 10 * minute,
  killGraceMs: 10 * second,
  maxKillGraceMs: 5 * minute,
  stopConfirmMs: 50 * second,
  minBackoffMs: second,
  maxBackoffMs: 30 * second,
  stableRunMs: 5 * minute,
  stageWaitMs: 20 * second,
  finishedRetentionMs: 20 * minute,
  maxReplacedTasksPerJob: 20,
  archiveTtlMs: 7 * 24 * 60 * minute,
};

type Policy = NonNullable<RetryPolicy['policy']>;

export interface JobOptions {
  readonly id?: string;
  readonly kind?: 'batch' | 'service';
  readonly desired?: number;
  /** Makes it a Mantis job with that number of tasks in each stage, and a container for each stage. */
  readonly stages?: readonly number[];
  /** The differing fields in the SLA of a Mantis job. */
  readonly sla?: DeepPartial<MantisJobSLA>;
  readonly subscriptionTimeoutSecs?: number;
  readonly retry?: Policy;
  readonly runtimeLimitSecs?: number;
  readonly resources?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  readonly killed?: boolean;
  readonly sequence?: string;
  readonly createdAtMs?: number;
}

/** A job as a gateway stores it: by default a batch job of one task that is not tried again. */
export function aJob(options: JobOptions = {}): JobRecord {
  const { id = 'job-1', createdAtMs = t0, killed = false } = options;
  return JobRecord.fromPartial({
    id,
    clusterId: 'default',
    descriptor: aDescriptor(options),
    createdAtMs,
    createdBy: 'ada',
    ...(killed ? { kill: { atMs: createdAtMs, by: 'ada' } } : {}),
  });
}

/** A service job; see {@link aJob}. */
export function aService(options: JobOptions = {}): JobRecord {
  return aJob({ kind: 'service', ...options });
}

/** A Mantis job of stages `stage-1` and so on; see {@link aJob}. */
export function aMantisJob(options: JobOptions = {}): JobRecord {
  return aJob({ stages: [1, 1], ...options });
}

function aDescriptor(options: JobOptions) {
  const { stages, resources = {}, labels = {}, sequence = '' } = options;
  const containerIds = stages?.map((_, index) => `stage-${index + 1}`) ?? ['main'];
  const container = { image: { name: 'busybox:1' }, resources };
  return JobDescriptor.fromPartial({
    appName: 'app',
    labels,
    jobGroupInfo: { stack: 'main', sequence },
    containers: Object.fromEntries(containerIds.map((id) => [id, container])),
    jobSpec: stages === undefined ? singleSpec(options) : mantisSpec(stages, options),
  });
}

function mantisSpec(stages: readonly number[], options: JobOptions): DeepPartial<JobDescriptor>['jobSpec'] {
  const { retry, runtimeLimitSecs = 0, sla = {}, subscriptionTimeoutSecs } = options;
  return {
    $case: 'mantis',
    value: {
      name: 'pipeline',
      jobSLA: { runtimeLimitSecs, ...sla },
      stages: stages.map((desired, index) => ({
        instances: { desired },
        containerId: `stage-${index + 1}`,
        ...(retry === undefined ? {} : { retryPolicy: { policy: retry } }),
      })),
      ...(subscriptionTimeoutSecs === undefined ? {} : { subscriptionTimeoutSecs }),
    },
  };
}

function singleSpec({
  kind = 'batch',
  desired = 1,
  retry,
  runtimeLimitSecs = 0,
}: JobOptions): DeepPartial<JobDescriptor>['jobSpec'] {
  const shared = {
    instances: { desired },
    ...(retry === undefined ? {} : { retryPolicy: { policy: retry } }),
  };
  return kind === 'batch'
    ? { $case: 'batch', value: { ...shared, runtimeLimitSecs } }
    : { $case: 'service', value: { ...shared, enabled: true } };
}

export const immediate = (retries: number): Policy => ({ $case: 'immediate', value: { retries } });

export interface TaskOptions {
  readonly job?: JobRecord;
  readonly stage?: number;
  readonly slot?: number;
  readonly attempt?: number;
  readonly workerNumber?: number;
  /** The task goes through all states up to this one, or ends in it after RUNNING. */
  readonly state?: State;
  /** The reason code of an ended task: `normal` for FINISHED, `failed` for FAILED. */
  readonly code?: string;
  readonly agentId?: string;
  readonly zone?: string;
  /** The time of all of that. */
  readonly atMs?: number;
  /** The fields that differ from the made record. */
  readonly record?: Partial<TaskRecord>;
}

/** A task as the master stores it: by default the first of slot 0, QUEUED. */
export function aTask(options: TaskOptions = {}): TaskRecord {
  const { job = aJob(), stage = 0, slot = 0, attempt = 0, state = State.QUEUED, atMs = t0 } = options;
  const seed = { stage, slot, attempt, userRetries: 0, systemRetries: 0 };
  const { workerNumber } = options;
  const queued = newTask(job, { ...seed, ...(workerNumber === undefined ? {} : { workerNumber }) }, atMs);
  return { ...(state === State.QUEUED ? queued : moved(queued, state, options)), ...options.record };
}

function moved(queued: TaskRecord, state: State, options: TaskOptions): TaskRecord {
  const { agentId = 'agent-1', zone = 'a', atMs = t0 } = options;
  let task = assignTask(queued, anAgent({ id: agentId, zone }), atMs, limits);
  for (const to of [State.STARTING, State.RUNNING]) {
    if (state >= to) task = must(moveTask(task, { to, code: '', atMs }));
  }
  if (state === State.STARTING) return { ...task, deadlineAtMs: atMs + limits.stuckStartingMs };
  if (state === State.DISPATCHED) return task;
  if (!isTerminal(state)) return { ...task, deadlineAtMs: 0 };
  return must(
    endTask(task, { code: options.code ?? (state === State.FINISHED ? 'normal' : 'failed'), atMs }),
  );
}

export interface AgentOptions {
  readonly id?: string;
  readonly zone?: string;
  readonly cpuMillis?: number;
  readonly memoryMb?: number;
}

export function anAgent({
  id = 'agent-1',
  zone = 'a',
  cpuMillis = 4000,
  memoryMb = 8192,
}: AgentOptions = {}): AgentRecord {
  const capacity = { cpuMillis, memoryMb, diskMb: 100_000, networkMbps: 1000, gpuMillis: 0, ports: 100 };
  return AgentRecord.fromPartial({
    id,
    attributes: { zone, host: `${id}.example.org` },
    capacity,
    incarnation: '1',
    registeredAtMs: t0,
  });
}

export function anAgentStatus(
  agentId: string,
  state: AgentState = AgentState.ALIVE,
  sinceMs = t0,
): AgentStatusRecord {
  return AgentStatusRecord.fromPartial({ agentId, state, sinceMs });
}

/** A report of the task's agent on it. */
export function aReport(task: TaskRecord, state: State, fields: Partial<TaskReport> = {}): TaskReport {
  const code = state === State.FINISHED ? 'normal' : state === State.FAILED ? 'failed' : '';
  return TaskReport.fromPartial({
    agentId: task.agentId,
    taskId: taskIdOf(task),
    state,
    code,
    atMs: t0,
    ...fields,
  });
}

export interface ViewOptions {
  readonly job?: JobRecord;
  readonly tasks?: readonly TaskRecord[];
  readonly status?: JobStatusRecord | undefined;
  readonly stopRequests?: readonly string[];
  readonly lostAgents?: readonly string[];
  /** Agents that are drained, with the deadline (0: none). */
  readonly drained?: Readonly<Record<string, number>>;
  /** Tasks that are not stored as they are here. */
  readonly uncommitted?: readonly TaskRecord[];
}

export function aView(options: ViewOptions = {}): JobInCell {
  const { job = aJob(), tasks = [], status, stopRequests = [], lostAgents = [], uncommitted = [] } = options;
  return {
    job,
    status,
    tasks,
    isCommitted: (task) => tasks.includes(task) && !uncommitted.includes(task),
    hasStopRequest: (id) => stopRequests.includes(id),
    isAgentLost: (id) => lostAgents.includes(id),
    ...(options.drained === undefined ? {} : { drainOf: drainIn(options.drained) }),
  };
}

function drainIn(drained: Readonly<Record<string, number>>): NonNullable<JobInCell['drainOf']> {
  return (agentId) => {
    const deadlineAtMs = drained[agentId];
    return deadlineAtMs === undefined ? undefined : AgentDrainRecord.fromPartial({ agentId, deadlineAtMs });
  };
}

export function aPass(fields: Partial<ReconcileContext> = {}): ReconcileContext {
  return { nowMs: t0, limits, patienceUntilMs: 0, maxWrites: 1000, ...fields };
}

/** Reconciles the job; `next` is the job with the decision carried out. */
export function look(
  options: ViewOptions,
  fields: Partial<ReconcileContext> = {},
): JobDecision & { readonly next: ViewOptions } {
  const decision = reconcile(aView(options), aPass(fields));
  return { ...decision, next: carriedOut(options, decision) };
}

/** The job with the decision carried out. */
export function carriedOut(options: ViewOptions, decision: JobDecision): ViewOptions {
  const byId = new Map((options.tasks ?? []).map((task) => [taskIdOf(task), task]));
  for (const task of decision.tasks) byId.set(taskIdOf(task), task);
  for (const id of decision.retired.taskIds) byId.delete(id);
  const stopRequests = (options.stopRequests ?? []).filter((id) => byId.has(id));
  return { ...options, tasks: [...byId.values()], status: decision.status ?? options.status, stopRequests };
}

/** Returns the value, or fails if it is missing. */
export function must<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('the fixture is not what the test takes it for');
  return value;
}
