import type { JobRecord, TaskRecord } from '@berth/shared/gen/berth/v1/store';
import { zeroResources } from '@berth/shared/model/resources';
import { runtimeLimitSecs } from '@berth/shared/model/job';
import type { CellView } from '@berth/shared/model/cell-view';
import { isTaskLive, State, taskState } from '@berth/shared/model/task-state';
import { assignmentFor, assignTask } from './assignment.js';
import { applyReport } from './end-task.js';
import { viewJob } from './job-view.js';
import type { Limits } from './limits.js';
import { explainUnplaced, place, type AgentCapacity, type QueuedTask, type Unplaced } from './place.js';
import { reconcile, type JobDecision } from './reconcile.js';
import type { RoundInput, RoundPlan, RoundReport } from './round-types.js';

/**
 * One round of the master: what the reports mean, then each touched job reconciled, then the queue placed, as one plan
 * to commit. Jobs that do not fit into the budget of writes are left over for the next round; so are, by the nature of
 * reconcile, all effects that a lost or refused commit did not have.
 */
export function planRound(input: RoundInput): RoundPlan {
  const changed = new Map<string, TaskRecord>();
  const touched = new Set(input.jobIds);
  for (const report of input.reports) takeReport(input, report, changed, touched);
  const decided = decideJobs(input, touched, changed);
  const placed = placeQueue(input, changed, decided.removedTaskIds);
  return { ...decided, ...placed, tasks: changed };
}

function takeReport(
  { cell, limits }: RoundInput,
  { report }: RoundReport,
  changed: Map<string, TaskRecord>,
  touched: Set<string>,
): void {
  const task = changed.get(report.taskId) ?? cell.find('task', report.taskId)?.record;
  if (task === undefined) return;
  const next = applyReport(task, report, { limits, runtimeLimitMs: runtimeLimitMs(cell, task.jobId) });
  if (next === undefined) return;
  changed.set(report.taskId, next);
  touched.add(task.jobId);
}

function runtimeLimitMs(cell: CellView, jobId: string): number {
  const descriptor = cell.find('job', jobId)?.record.descriptor;
  return descriptor === undefined ? 0 : runtimeLimitSecs(descriptor) * 1000;
}

type Decided = Omit<RoundPlan, 'tasks' | 'unplaced' | 'queueLeft'>;

function decideJobs(input: RoundInput, touched: ReadonlySet<string>, changed: Map<string, TaskRecord>): Decided {
  const { cell, nowMs, maxWrites } = input;
  const statuses = new Map<string, NonNullable<JobDecision['status']>>();
  const removedTaskIds: string[] = [];
  const removedJobIds: string[] = [];
  const dueMs = new Map<string, number>();
  const leftOver: string[] = [];
  for (const jobId of touched) {
    const room = maxWrites - changed.size - statuses.size - removedTaskIds.length * 2;
    const view = room > 0 ? viewJob(cell, jobId, changed) : undefined;
    if (room < input.limits.maxNotRunningPerJob) leftOver.push(jobId);
    if (view === undefined) continue;
    const decision = reconcile(view, nowMs, limitsFor(input, jobId, room));
    for (const task of decision.tasks) changed.set(task.task?.id ?? '', task);
    if (decision.status !== undefined) statuses.set(jobId, decision.status);
    removedTaskIds.push(...decision.retired.taskIds);
    if (decision.retired.job) removedJobIds.push(jobId);
    dueMs.set(jobId, decision.nextDueMs);
  }
  return { statuses, removedTaskIds, removedJobIds, dueMs, leftOver };
}

/** The limits, with room for no more new tasks than fit, and no more patience for jobs that are to leave now. */
function limitsFor({ limits, retireNow }: RoundInput, jobId: string, room: number): Limits {
  return {
    ...limits,
    maxNotRunningPerJob: Math.min(limits.maxNotRunningPerJob, room),
    finishedRetentionMs: retireNow.has(jobId) ? 0 : limits.finishedRetentionMs,
  };
}

/** Places what is queued, this round's new tasks included; placed tasks replace their records in `changed`. */
function placeQueue(input: RoundInput, changed: Map<string, TaskRecord>, removed: readonly string[]) {
  const queue = queuedTasks(input, changed, new Set(removed));
  if (queue.length === 0) return { unplaced: [], queueLeft: false };
  const { placements, unplaced } = place(queue.map(toQueued), capacities(input, changed));
  const byId = new Map(queue.map((task) => [task.task?.id ?? '', task]));
  let queueLeft = false;
  for (const { taskId, agentId } of placements) {
    const task = byId.get(taskId);
    const agent = input.cell.find('agent', agentId)?.record;
    if (task === undefined || agent === undefined) continue;
    if (changed.has(taskId) || changed.size < input.maxWrites) {
      changed.set(taskId, assignTask(task, agent, input.nowMs, input.limits));
    } else {
      queueLeft = true;
    }
  }
  for (const one of unplaced) noteWaiting(one, changed, input.cell);
  return { unplaced, queueLeft };
}

/** A task that is stored for the first time while it has to wait says why; later the explanation is asked for. */
function noteWaiting(one: Unplaced, changed: Map<string, TaskRecord>, cell: CellView): void {
  const record = changed.get(one.taskId);
  if (record?.task === undefined || cell.find('task', one.taskId) !== undefined) return;
  const state = { state: State.QUEUED, reason: explainUnplaced(one) };
  changed.set(one.taskId, { ...record, task: { ...record.task, state } });
}

function queuedTasks(input: RoundInput, changed: ReadonlyMap<string, TaskRecord>, removed: ReadonlySet<string>) {
  const queue: TaskRecord[] = [];
  for (const id of input.queuedTaskIds) {
    const task = changed.get(id) ?? input.cell.find('task', id)?.record;
    if (task !== undefined && isWaiting(task) && !removed.has(id)) queue.push(task);
  }
  for (const [id, task] of changed) if (!input.queuedTaskIds.has(id) && isWaiting(task)) queue.push(task);
  return queue;
}

function isWaiting(task: TaskRecord): boolean {
  return isTaskLive(task) && taskState(task) === State.QUEUED;
}

function toQueued(task: TaskRecord): QueuedTask {
  return { taskId: task.task?.id ?? '', jobId: task.jobId, resources: task.resources ?? zeroResources() };
}

/** Free capacity, with what this round's ended tasks give back. */
function capacities(input: RoundInput, changed: ReadonlyMap<string, TaskRecord>): readonly AgentCapacity[] {
  const freed = [...changed.entries()].filter(([id, task]) => {
    const before = input.cell.find('task', id)?.record;
    return before !== undefined && before.agentId !== '' && isTaskLive(before) && !isTaskLive(task);
  });
  return input.agents.capacities(freed.map(([, task]) => task));
}

/** What the agents are to be told about this round's tasks. */
export function planAssignments(cell: CellView, tasks: ReadonlyMap<string, TaskRecord>, limits: Limits) {
  return [...tasks].flatMap(([taskId, after]) => {
    const job: JobRecord | undefined = cell.find('job', after.jobId)?.record;
    if (job === undefined) return [];
    const assignment = assignmentFor(cell.find('task', taskId)?.record, after, job, limits);
    if (assignment === undefined) return [];
    return [{ agentId: after.agentId, taskId, ...(assignment === null ? {} : { assignment }) }];
  });
}
