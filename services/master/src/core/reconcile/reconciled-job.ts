import type {
  AgentDrainRecord,
  JobRecord,
  JobStatusRecord,
  TaskRecord,
} from '@berth/shared/gen/berth/v1/store';
import { isAgentAlive } from '@berth/shared/model/cell/agent';
import type { CellView } from '@berth/shared/model/cell/cell-view';
import { taskIdOf } from '@berth/shared/model/task/task-id';

/** All that a decision about one job may depend on, beside the time and the limits. */
export interface JobView {
  readonly job: JobRecord;
  readonly status: JobStatusRecord | undefined;
  /** All stored tasks of the job, ended ones included, in the order in which they were created. */
  readonly tasks: readonly TaskRecord[];
  /** Whether the task is stored just so, and not only about to be. */
  isCommitted(task: TaskRecord): boolean;
  /** Whether a caller wants this task to stop. */
  hasStopWish(taskId: string): boolean;
  /** Whether the agent is gone, or silent for too long. */
  isAgentLost(agentId: string): boolean;
  /** The drain of an agent; absent where no agent is drained. */
  readonly drainOf?: (agentId: string) => AgentDrainRecord | undefined;
}

/**
 * The job as the cell has it, with its tasks that have `changed`, by id, in place of the stored ones; undefined for an unknown
 * job.
 */
export function viewJob(
  cell: CellView,
  jobId: string,
  changed?: ReadonlyMap<string, TaskRecord>,
): JobView | undefined {
  const job = cell.find('job', jobId)?.record;
  if (job === undefined) return undefined;
  return {
    job,
    status: cell.find('jobStatus', jobId)?.record,
    tasks: tasksOf(cell, jobId, changed),
    isCommitted: (task) => cell.find('task', taskIdOf(task))?.record === task,
    hasStopWish: (taskId) => cell.find('taskStop', taskId) !== undefined,
    isAgentLost: (agentId) => !isAgentAlive(cell, agentId),
    ...(cell.count('agentDrain') === 0
      ? {}
      : { drainOf: (agentId) => cell.find('agentDrain', agentId)?.record }),
  };
}

/** A look-up for each change, and not for each task of the job: those may be thousands. */
function tasksOf(
  cell: CellView,
  jobId: string,
  changed: ReadonlyMap<string, TaskRecord> | undefined,
): readonly TaskRecord[] {
  const stored = cell.tasksOf(jobId);
  const replaced = new Map<TaskRecord, TaskRecord>();
  for (const [id, task] of changed ?? []) {
    const before = cell.find('task', id)?.record;
    if (before !== undefined) replaced.set(before, task);
  }
  return replaced.size === 0
    ? stored.map(({ record }) => record)
    : stored.map(({ record }) => replaced.get(record) ?? record);
}
