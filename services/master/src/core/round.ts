import type { TaskRecord } from '@berth/shared/gen/berth/v1/store';
import type { CellView } from '@berth/shared/model/cell-view';
import { runtimeLimitSecs } from '@berth/shared/model/job';
import {
  explainUnplaced,
  isUnplaced,
  type PlaceOptions,
  place,
  type QueuedTask,
  type Unplaced,
} from '@berth/shared/model/placement/place';
import { anywhere, specOfJob } from '@berth/shared/model/placement/spec';
import { zeroResources } from '@berth/shared/model/resources';
import { isTaskLive, State, taskState } from '@berth/shared/model/task-state';
import { assignmentFor, assignTask, withCards } from './assignment.js';
import { applyReport } from './end-task.js';
import { viewJob } from './job-view.js';
import type { Limits } from './limits.js';
import { reconcile } from './reconcile.js';
import { RoundDraft } from './round-draft.js';
import type { RoundInput, RoundPlan, RoundReport } from './round-types.js';
import { taskIdIn } from './task-changes.js';

/** With less room than this a job waits for the next round, instead of being looked at for a few writes. */
const leastRoomPerJob = 50;

/** For so long a failure of a job on an agent counts against that agent. */
const recentFailureMs = 5 * 60_000;

/**
 * One round of the master: what the reports mean, then each touched job reconciled, then the queue placed, as one plan
 * to commit. What does not fit into the budget of writes is left over for the next round; so are, by the nature of
 * reconcile, all effects that a lost or refused commit did not have.
 */
export function planRound(input: RoundInput): RoundPlan {
  const draft = new RoundDraft(input);
  const touched = new Set(input.jobIds);
  for (const report of input.reports) takeReport(input, report, draft, touched);
  draft.dropOrphans(input.orphanStopIds);
  const leftOver = decideJobs(input, touched, draft);
  const placed = placeQueue(input, draft);
  return { ...parts(draft), ...placed, leftOver };
}

function parts({
  tasks,
  statuses,
  removedTaskIds,
  removedJobIds,
  removedStopIds,
  dueMs,
  placedDueMs,
  placedTaskIds,
}: RoundDraft) {
  return {
    tasks,
    statuses,
    removedTaskIds,
    removedJobIds,
    removedStopIds,
    dueMs,
    placedDueMs,
    placedTaskIds,
  };
}

function takeReport(
  input: RoundInput,
  { report }: RoundReport,
  draft: RoundDraft,
  touched: Set<string>,
): void {
  const { cell, nowMs, limits } = input;
  const task = draft.task(report.taskId);
  if (task === undefined) return;
  const next = applyReport(task, report, { nowMs, limits, runtimeLimitMs: runtimeLimitMs(cell, task.jobId) });
  if (next === undefined) return;
  draft.tasks.set(report.taskId, next);
  touched.add(task.jobId);
}

function runtimeLimitMs(cell: CellView, jobId: string): number {
  const descriptor = cell.find('job', jobId)?.record.descriptor;
  return descriptor === undefined ? 0 : runtimeLimitSecs(descriptor) * 1000;
}

/** The jobs that there was no room, or not enough room, for. */
function decideJobs(input: RoundInput, touched: ReadonlySet<string>, draft: RoundDraft): readonly string[] {
  const leftOver: string[] = [];
  const leastRoom = Math.min(leastRoomPerJob, input.maxWrites / 2);
  for (const jobId of touched) {
    const view = viewJob(input.cell, jobId, draft.tasks);
    if (view === undefined) continue;
    if (draft.room < leastRoom) {
      leftOver.push(jobId);
      continue;
    }
    const { nowMs, patienceUntilMs } = input;
    const decision = reconcile(view, {
      nowMs,
      patienceUntilMs,
      limits: limitsFor(input, jobId),
      maxWrites: draft.room,
    });
    draft.takeDecision(jobId, decision);
    if (!decision.isComplete) leftOver.push(jobId);
  }
  return leftOver;
}

/** The limits, with no more patience for jobs that are to leave now. */
function limitsFor({ limits, retireNow }: RoundInput, jobId: string): Limits {
  return retireNow.has(jobId) ? { ...limits, finishedRetentionMs: Number.NEGATIVE_INFINITY } : limits;
}

/** Places what is queued, this round's new tasks included. */
function placeQueue(input: RoundInput, draft: RoundDraft): Pick<RoundPlan, 'unplaced' | 'queueLeft'> {
  const freed = freedTasks(input.cell, draft.tasks);
  const queue = queuedTasks(input, draft, input.queue.hasNews || freed.length > 0);
  const unplaced: Unplaced[] = [];
  if (queue.length === 0) return { unplaced, queueLeft: false };
  const tasks = queue.map((task) => toQueued(task, input.cell));
  for (const verdict of place(tasks, input.agents.fleet, placeOptions(input, freed))) {
    if (isUnplaced(verdict)) {
      noteWaiting(verdict, input.cell, draft);
      unplaced.push(verdict);
      continue;
    }
    const task = draft.task(verdict.taskId);
    const agent = input.cell.find('agent', verdict.agentId)?.record;
    if (task === undefined || agent === undefined) continue;
    const placed = withCards(assignTask(task, agent, input.nowMs, input.limits), verdict.cards);
    if (!draft.takePlaced(placed)) return { unplaced, queueLeft: true };
  }
  return { unplaced, queueLeft: false };
}

/** A task that is stored for the first time while it has to wait says why; later the explanation is asked for. */
function noteWaiting(one: Unplaced, cell: CellView, draft: RoundDraft): void {
  const record = draft.tasks.get(one.taskId);
  if (record?.task === undefined || cell.find('task', one.taskId) !== undefined) return;
  const state = { state: State.QUEUED, reason: explainUnplaced(one) };
  draft.tasks.set(one.taskId, { ...record, task: { ...record.task, state } });
}

/** The waiting tasks, oldest first: those that wait already, if there is news for them, then this round's new ones. */
function queuedTasks({ queue }: RoundInput, draft: RoundDraft, hasNews: boolean): readonly TaskRecord[] {
  const waiting: TaskRecord[] = [];
  for (const id of hasNews ? queue.taskIds : []) {
    const task = draft.task(id);
    if (task !== undefined && isWaiting(task)) waiting.push(task);
  }
  for (const [id, task] of draft.tasks) if (!queue.taskIds.has(id) && isWaiting(task)) waiting.push(task);
  return waiting;
}

function isWaiting(task: TaskRecord): boolean {
  return isTaskLive(task) && taskState(task) === State.QUEUED;
}

function toQueued(task: TaskRecord, cell: CellView): QueuedTask {
  const job = cell.find('job', task.jobId)?.record;
  return {
    taskId: taskIdIn(task),
    jobId: task.jobId,
    resources: task.resources ?? zeroResources(),
    spec: job === undefined ? anywhere : specOfJob(job),
  };
}

function placeOptions({ cell, nowMs, limits }: RoundInput, freed: readonly TaskRecord[]): PlaceOptions {
  return {
    policy: limits.fitPolicy ?? 'binpack',
    ending: freed.map((task) => ({ taskId: taskIdIn(task), agentId: task.agentId })),
    failuresSinceMs: nowMs - recentFailureMs,
    // A task that was stored waiting has its reason; what is true later is explained to who asks.
    explains: (taskId) => cell.find('task', taskId) === undefined,
  };
}

/** The tasks whose end in this round gives room back. */
function freedTasks(cell: CellView, changed: ReadonlyMap<string, TaskRecord>): readonly TaskRecord[] {
  const freed: TaskRecord[] = [];
  for (const [id, task] of changed) {
    const before = cell.find('task', id)?.record;
    if (before !== undefined && before.agentId !== '' && isTaskLive(before) && !isTaskLive(task))
      freed.push(task);
  }
  return freed;
}

/** What the agents are to be told about this round's tasks. */
export function planAssignments(cell: CellView, tasks: ReadonlyMap<string, TaskRecord>, limits: Limits) {
  return [...tasks].flatMap(([taskId, after]) => {
    const job = cell.find('job', after.jobId)?.record;
    const assignment = assignmentFor(cell.find('task', taskId)?.record, after, job, limits);
    if (assignment === undefined) return [];
    return [{ agentId: after.agentId, taskId, ...(assignment === null ? {} : { assignment }) }];
  });
}
