import type { Assignment, JobRecord, TaskRecord } from '@berth/shared/gen/berth/v1/store';
import type { CellView } from '@berth/shared/model/cell/cell-view';
import { containerOf } from '@berth/shared/model/job/job';
import { isInstance } from '@berth/shared/model/job/registered-kind';
import { gpusKey } from '@berth/shared/model/resources/gpus';
import { isSampled } from '@berth/shared/model/scaling/scaled-job';
import { taskIdOf } from '@berth/shared/model/task/task-id';
import { isTaskLive } from '@berth/shared/model/task/task-state';
import type { AssignmentWrite } from '@berth/store';
import type { Limits } from '../task/limits.js';
import { stopGraceMs } from '../task/stop-grace.js';
import { StageEnv } from './stage-env.js';

/** Returns the writes of assignments that follow from this round's tasks. */
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
    const changed = assignmentFor(cell.find('task', taskId)?.record, after, job, limits);
    if (changed === undefined) continue;
    const assignment = changed === null ? undefined : stages.added(changed, after);
    writes.push({ agentId, taskId, assignment, feed: feedOf(cell, agentId) });
  }
  return writes;
}

/** Returns the name of the agent's feed of assignments, if it has named one. */
function feedOf(cell: CellView, agentId: string): string | undefined {
  const feed = cell.find('agent', agentId)?.record.assignmentFeed ?? '';
  return feed === '' ? undefined : feed;
}

/**
 * Returns the task's new assignment, `null` if the assignment is withdrawn, or undefined if it does not
 * change.
 */
export function assignmentFor(
  before: TaskRecord | undefined,
  after: TaskRecord,
  job: JobRecord | undefined,
  limits: Limits,
): Assignment | null | undefined {
  if (after.agentId === '') return undefined;
  if (!isTaskLive(after)) return before === undefined || isTaskLive(before) ? null : undefined;
  const isChanged = before === undefined || before.agentId !== after.agentId || before.stop !== after.stop;
  return isChanged && job !== undefined ? toAssignment(after, job, limits) : undefined;
}

/**
 * The keys of the context that agents read: any other would cost agents memory for as long as the task lives.
 */
const agentKeys = ['task.index', gpusKey] as const;

function agentContext({ task }: TaskRecord): Assignment['taskContext'] {
  const context: Assignment['taskContext'] = {};
  for (const key of agentKeys) {
    const value = task?.taskContext[key];
    if (value !== undefined) context[key] = value;
  }
  return context;
}

function toAssignment(task: TaskRecord, job: JobRecord, limits: Limits): Assignment {
  return {
    taskId: taskIdOf(task),
    jobId: task.jobId,
    container: job.descriptor && containerOf(job.descriptor, task.stage),
    resources: task.resources,
    taskContext: agentContext(task),
    stop: task.stop,
    killGraceMs: stopGraceMs(job, task.stage, limits),
    sampled: job.descriptor !== undefined && isSampled(job.descriptor, task.stage),
    collectsResults: isInstance(job),
    awaitedTaskIds: task.awaitedTaskIds,
  };
}
