import type { AgedTask, AgentIndex, GroupShares, PreemptionRules, QueueShard } from '@berth/scheduler';
import {
  anywhere,
  explainUnplaced,
  failureKind,
  isUnplaced,
  type Placement,
  type PlacementSpec,
  type PlaceOptions,
  placeShards,
  type QueuedTask,
  recentFailureMs,
  refusalMs,
  specOfJob,
  type TimesByJob,
  type Unplaced,
} from '@berth/scheduler';
import type { JobRecord, Resources, TaskRecord } from '@berth/shared/gen/berth/v1/store';
import type { CellView } from '@berth/shared/model/cell/cell-view';
import { addResources, zeroResources } from '@berth/shared/model/resources/vector';
import { taskIdOf } from '@berth/shared/model/task/task-id';
import { isTaskLive, State, taskState } from '@berth/shared/model/task/task-state';
import type { PlanBuilder } from '../plan/plan-builder.js';
import type { Agents, RoundInput, RoundPlan } from '../plan/round-types.js';
import { WaitingTasks } from '../plan/waiting-tasks.js';
import { checkAgainMs, disruptionAllowance, disruptionLimitOf } from '../reconcile/disruption.js';
import { findJobInCell } from '../reconcile/job-in-cell.js';
import { orderStop } from '../task/order-stop.js';
import { withWaitingReason } from '../task/waiting-reason.js';
import { assignTask, waitingForVictims, withGpus } from './assign-task.js';

type QueueOutcome = Pick<RoundPlan, 'unplaced' | 'queueLeft' | 'queueDueMs'>;

/** Places the waiting tasks, this round's new ones included, and orders the victims of preemption to stop. */
export function placeQueue(input: RoundInput, builder: PlanBuilder): QueueOutcome {
  const freed = freedTasks(input.cell, builder.tasks);
  const { index } = input.agents;
  const shards = queuedShards(input, builder, input.queue.hasChanges || freed.length > 0);
  const unplaced: Unplaced[] = [];
  const outcome = (queueLeft: boolean) => {
    const refusals = [unseenFailures(freed).refusals, { get: (jobId: string) => index.refusalsOf(jobId) }];
    return { unplaced, queueLeft, queueDueMs: queueDueMs(input, unplaced, refusals) };
  };
  if (shards.length === 0) return outcome(false);
  const options = { ...placeOptions(input), ...orderOptions(input, builder, index), ...endingOf(freed) };
  for (const result of placeShards(shards, index, options)) {
    if (!isUnplaced(result)) {
      if (!takePlacement(result, input, builder)) return outcome(true);
      continue;
    }
    noteWaiting(result, input.cell, builder);
    unplaced.push(result);
  }
  return outcome(false);
}

/** Takes a placement into the plan; returns false if too few writes are left. */
function takePlacement(placement: Placement, input: RoundInput, builder: PlanBuilder): boolean {
  const { cell, nowMs, limits } = input;
  const { taskId, agentId, gpus, preemption } = placement;
  const task = builder.task(taskId);
  const agent = cell.find('agent', agentId)?.record;
  if (task === undefined || agent === undefined) return true;
  const assigned = withGpus(assignTask(task, agent, nowMs, limits), gpus);
  if (preemption === undefined) return builder.takePlaced(assigned);
  const stop = { code: 'preempted', text: `its capacity is needed for ${taskId}`, atMs: nowMs };
  const victims = preemption.awaits.flatMap((id) => {
    const victim = builder.task(id);
    return victim === undefined ? [] : [orderStop(victim, stop, limits)];
  });
  return builder.takePlaced(waitingForVictims(assigned, victims, nowMs), victims);
}

/**
 * Returns the time of the next placement without a change: agents that refused a task may take it then, and
 * jobs that could not lose a task before may have recovered.
 */
function queueDueMs(
  { cell, limits, nowMs }: RoundInput,
  unplaced: readonly Unplaced[],
  refusals: readonly Pick<TimesByJob, 'get'>[],
): number {
  let dueMs = Number.POSITIVE_INFINITY;
  for (const { jobId } of unplaced) {
    if (limits.preempts && isCritical(cell.find('job', jobId)?.record))
      dueMs = Math.min(dueMs, nowMs + checkAgainMs);
    for (const times of refusals) {
      for (const atMs of times.get(jobId)?.values() ?? []) {
        const overMs = atMs + refusalMs + 1;
        if (overMs > nowMs) dueMs = Math.min(dueMs, overMs);
      }
    }
  }
  return dueMs;
}

/**
 * Notes the reason in a waiting task that is stored for the first time. Later callers ask for an explanation.
 */
function noteWaiting(one: Unplaced, cell: CellView, builder: PlanBuilder): void {
  const record = builder.tasks.get(one.taskId);
  if (record?.task === undefined || cell.find('task', one.taskId) !== undefined) return;
  builder.put(withWaitingReason(record, explainUnplaced(one)));
}

/**
 * Returns the waiting tasks: those from before, if anything has changed for them, then this round's new ones.
 * If one task from before finds no agent, the others of its job and stage find none either. Each new task
 * needs its own reason.
 */
function queuedShards(
  { cell, queue }: RoundInput,
  builder: PlanBuilder,
  hasChanges: boolean,
): readonly QueueShard<QueuedTask>[] {
  const shards: QueueShard<QueuedTask>[] = [];
  for (const { jobId, stage, ages } of hasChanges ? queue.waiting.shards() : []) {
    const spec = specFor(cell, jobId, stage);
    const isAlike = spec.changingRules.length === 0;
    shards.push({ spec, isAlike, tasks: agedTasks(ages, builder, spec) });
  }
  const added = new WaitingTasks();
  for (const [id, task] of builder.tasks) if (!queue.waiting.has(id) && isWaiting(task)) added.add(task);
  for (const { jobId, stage, ages } of added.shards()) {
    const spec = specFor(cell, jobId, stage);
    const tasks = agedTasks(ages, builder, spec, queue.waiting.endAge);
    shards.push({ spec, isAlike: false, tasks });
  }
  return shards;
}

function* agedTasks(
  ages: ReadonlyMap<string, number>,
  builder: PlanBuilder,
  spec: PlacementSpec,
  olderOnes = 0,
): Generator<AgedTask<QueuedTask>> {
  for (const [taskId, age] of ages) {
    const task = builder.task(taskId);
    if (task === undefined || !isWaiting(task)) continue;
    const { jobId, resources = zeroResources() } = task;
    yield { task: { taskId, jobId, resources, spec }, age: olderOnes + age };
  }
}

function specFor(cell: CellView, jobId: string, stage: number): PlacementSpec {
  const job = cell.find('job', jobId)?.record;
  return job === undefined ? anywhere : specOfJob(job, stage);
}

function isWaiting(task: TaskRecord): boolean {
  return isTaskLive(task) && taskState(task) === State.QUEUED;
}

/** Returns the stored task as a request for placement. */
export function toQueued(task: TaskRecord, cell: CellView): QueuedTask {
  const { jobId, stage, resources = zeroResources() } = task;
  return { taskId: taskIdOf(task), jobId, resources, spec: specFor(cell, jobId, stage) };
}

/** Returns the options of placement that hold for all tasks. */
export function placeOptions({ cell, nowMs, limits }: RoundInput): PlaceOptions {
  return {
    policy: limits.fitPolicy ?? 'binpack',
    failuresSinceMs: nowMs - recentFailureMs,
    refusalsSinceMs: nowMs - refusalMs,
    // A task that was stored while it waited has its reason already.
    explains: (taskId) => cell.find('task', taskId) === undefined,
  };
}

function orderOptions(
  input: RoundInput,
  builder: PlanBuilder,
  index: AgentIndex,
): Pick<PlaceOptions, 'groups' | 'preemption'> {
  const { limits, agents } = input;
  const { guarantees, preempts = false } = limits;
  return {
    ...(guarantees === undefined ? {} : { groups: shares(guarantees, agents.groupUse ?? new Map(), index) }),
    ...(preempts ? { preemption: preemptionRules(input, builder) } : {}),
  };
}

function shares(
  guarantees: ReadonlyMap<string, Resources>,
  used: ReadonlyMap<string, Resources>,
  index: AgentIndex,
): GroupShares {
  let total = zeroResources();
  for (const agent of index.agents()) total = addResources(total, agent.total);
  return { guarantees, used, total };
}

/** Flex tasks may be stopped, within the disruption limits of their jobs. */
function preemptionRules({ cell, agents, maxWrites }: RoundInput, builder: PlanBuilder): PreemptionRules {
  const known = new Map<string, number>();
  let created: ReadonlyMap<string, readonly TaskRecord[]> | undefined;
  const allowance = (jobId: string): number => {
    const job = cell.find('job', jobId)?.record;
    if (job === undefined || isCritical(job)) return 0;
    const limit = disruptionLimitOf(job);
    if (limit === 0 || limit === Number.POSITIVE_INFINITY) return limit;
    const view = findJobInCell(cell, jobId, builder.tasksOf(jobId));
    if (view === undefined) return 0;
    created ??= createdByJob(cell, builder);
    return disruptionAllowance(view.job, [...view.tasks, ...(created.get(jobId) ?? [])]);
  };
  return {
    allowanceOf: (jobId) => {
      const allowed = known.get(jobId) ?? allowance(jobId);
      known.set(jobId, allowed);
      return allowed;
    },
    isStopping: (taskId) => builder.isStopping(taskId),
    stoppingOn: agentsStopping(builder, agents),
    // The placed task and its job's status are the other two writes of the commit.
    maxVictims: maxWrites - 2,
  };
}

/** Returns the agents with stopping tasks that no other task waits for. */
function agentsStopping(builder: PlanBuilder, { index, stopping }: Agents): ReadonlySet<string> {
  const agentIds = new Set<string>();
  for (const [taskId, agentId] of stopping)
    if (index.find(agentId)?.awaited.has(taskId) !== true) agentIds.add(agentId);
  for (const { stop, agentId } of builder.tasks.values()) if (stop !== undefined) agentIds.add(agentId);
  return agentIds;
}

/** Returns the tasks that this round creates, by job. */
function createdByJob(cell: CellView, builder: PlanBuilder): ReadonlyMap<string, readonly TaskRecord[]> {
  const created = new Map<string, TaskRecord[]>();
  for (const [id, task] of builder.tasks) {
    if (cell.find('task', id) !== undefined) continue;
    const ofJob = created.get(task.jobId);
    if (ofJob === undefined) created.set(task.jobId, [task]);
    else ofJob.push(task);
  }
  return created;
}

function endingOf(freed: readonly TaskRecord[]): Pick<PlaceOptions, 'ending' | 'unseen'> {
  const ending = freed.map((task) => ({ taskId: taskIdOf(task), agentId: task.agentId }));
  return { ending, unseen: unseenFailures(freed) };
}

/** Returns the failures and refusals of agents in this round. */
function unseenFailures(ended: readonly TaskRecord[]): NonNullable<PlaceOptions['unseen']> {
  const failures = new Map<string, Map<string, number>>();
  const refusals = new Map<string, Map<string, number>>();
  for (const task of ended) {
    const { jobId, agentId, finishedAtMs } = task;
    const kind = failureKind(task);
    if (kind === undefined) continue;
    const noted = kind === 'refused' ? [failures, refusals] : [failures];
    for (const all of noted) all.set(jobId, (all.get(jobId) ?? new Map()).set(agentId, finishedAtMs));
  }
  return { failures, refusals };
}

/** Returns the tasks that free capacity by their end in this round. */
function freedTasks(cell: CellView, changed: ReadonlyMap<string, TaskRecord>): readonly TaskRecord[] {
  const freed: TaskRecord[] = [];
  for (const [id, task] of changed) {
    const before = cell.find('task', id)?.record;
    if (before !== undefined && before.agentId !== '' && isTaskLive(before) && !isTaskLive(task))
      freed.push(task);
  }
  return freed;
}

function isCritical(job: JobRecord | undefined): boolean {
  return job !== undefined && specOfJob(job).tier === 'critical';
}
