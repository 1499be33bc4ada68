import type { TaskRecord } from '@berth/shared/gen/berth/v1/store';
import type { CellView } from '@berth/shared/model/cell/cell-view';
import { isJobLive, runtimeLimitSecs } from '@berth/shared/model/job/job';
import { taskIdOf } from '@berth/shared/model/task/task-id';
import type { AssignmentWrite } from '@berth/store';
import { assignmentFor } from '../placement/assign-task.js';
import { MigrationTargets } from '../placement/migration-targets.js';
import { placeQueue } from '../placement/place-queue.js';
import { RoundDraft } from '../plan/plan-builder.js';
import type { RoundInput, RoundPlan, RoundReport } from '../plan/round-types.js';
import { reconcile } from '../reconcile/reconcile.js';
import { viewJob } from '../reconcile/reconciled-job.js';
import { applyReport } from '../task/end-task.js';
import type { Limits } from '../task/limits.js';
import { StageEnv } from './stage-env.js';

/** With less room than this a job waits for the next round, instead of being looked at for a few writes. */
const leastRoomPerJob = 50;

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
  const left = decideJobs(input, touched, draft);
  const placed = placeQueue(input, draft);
  return { ...parts(draft), ...placed, ...left };
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
  draft.put(next);
  touched.add(task.jobId);
}

function runtimeLimitMs(cell: CellView, jobId: string): number {
  const descriptor = cell.find('job', jobId)?.record.descriptor;
  return descriptor === undefined ? 0 : runtimeLimitSecs(descriptor) * 1000;
}

function decideJobs(
  input: RoundInput,
  touched: ReadonlySet<string>,
  draft: RoundDraft,
): Pick<RoundPlan, 'leftOver' | 'hasTasksLeft'> {
  const leftOver: string[] = [];
  let hasTasksLeft = false;
  const rooms = new MigrationTargets(input);
  const leastRoom = Math.min(leastRoomPerJob, input.maxWrites / 2);
  for (const jobId of touched) {
    const view = viewJob(input.cell, jobId, draft.tasksOf(jobId));
    if (view === undefined) continue;
    if (draft.room < leastRoom) {
      leftOver.push(jobId);
      hasTasksLeft ||= isJobLive(view.status);
      continue;
    }
    const { nowMs, patienceUntilMs, agents } = input;
    const decision = reconcile(view, {
      nowMs,
      patienceUntilMs,
      limits: limitsFor(input, jobId),
      maxWrites: draft.room,
      findRoom: (task) => rooms.find(task),
      isAwaited: (task) => agents.index.find(task.agentId)?.awaited.has(taskIdOf(task)) ?? false,
    });
    draft.takeDecision(jobId, decision);
    if (!decision.isComplete) leftOver.push(jobId);
    hasTasksLeft ||= decision.hasTasksLeft;
  }
  rooms.close();
  return { leftOver, hasTasksLeft };
}

/** The limits, with no more patience for jobs that are to leave now. */
function limitsFor({ limits, retireNow }: RoundInput, jobId: string): Limits {
  return retireNow.has(jobId) ? { ...limits, finishedRetentionMs: Number.NEGATIVE_INFINITY } : limits;
}

/** What the agents are to be told about this round's tasks. */
export function planAssignments(
  cell: CellView,
  tasks: ReadonlyMap<string, TaskRecord>,
  limits: Limits,
): readonly AssignmentWrite[] {
  const stages = new StageEnv(cell, tasks, limits);
  const writes: AssignmentWrite[] = [];
  for (const [taskId, after] of tasks) {
    const { agentId } = after;
    const job = cell.find('job', after.jobId)?.record;
    const told = assignmentFor(cell.find('task', taskId)?.record, after, job, limits);
    if (told === undefined) continue;
    const assignment = told === null ? undefined : stages.added(told, after);
    writes.push({ agentId, taskId, assignment, feed: feedOf(cell, agentId) });
  }
  return writes;
}

/** The feed on which the agent hears of its assignments, where it has named one. */
function feedOf(cell: CellView, agentId: string): string | undefined {
  const feed = cell.find('agent', agentId)?.record.assignmentFeed ?? '';
  return feed === '' ? undefined : feed;
}
