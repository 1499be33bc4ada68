import type {
  AgentDrainRecord,
  JobRecord,
  JobStatusRecord,
  TaskRecord,
} from '@berth/shared/gen/berth/v1/store';
import { isAgentAlive } from '@berth/shared/model/cell/agent';
import type { CellView } from '@berth/shared/model/cell/cell-view';
import { taskIdOf } from '@berth/shared/model/task/task-id';

/** A job in the cell: the inputs of a decision about it, beside the time and the limits. */
export interface JobInCell {
  readonly job: JobRecord;
  readonly status: JobStatusRecord | undefined;
  /** All stored tasks of the job, ended ones included, in order of creation. */
  readonly tasks: readonly TaskRecord[];
  /** True if the task is stored as it is here; false if it is about to be written. */
  isCommitted(task: TaskRecord): boolean;
  /** True if a caller has asked to stop this task. */
  hasStopRequest(taskId: string): boolean;
  /** True if the agent is gone, or has been silent for too long. */
  isAgentLost(agentId: string): boolean;
  /** Returns the drain of an agent; absent if no agent is drained. */
  readonly drainOf?: (agentId: string) => AgentDrainRecord | undefined;
}

/**
 * Returns the job as the cell has it, but for tasks that have `changed`, by id: those replace the stored
 * ones. Returns undefined for an unknown job.
 */
export function findJobInCell(
  cell: CellView,
  jobId: string,
  changed?: ReadonlyMap<string, TaskRecord>,
): JobInCell | undefined {
  const job = cell.find('job', jobId)?.record;
  if (job === undefined) return undefined;
  return {
    job,
    status: cell.find('jobStatus', jobId)?.record,
    tasks: tasksOf(cell, jobId, changed),
    isCommitted: (task) => cell.find('task', taskIdOf(task))?.record === task,
    hasStopRequest: (taskId) => cell.find('taskStop', taskId) !== undefined,
    isAgentLost: (agentId) => !isAgentAlive(cell, agentId),
    ...(cell.count('agentDrain') === 0
      ? {}
      : { drainOf: (agentId) => cell.find('agentDrain', agentId)?.record }),
  };
}

/** Looks up each change, and not each task of the job: those may be thousands. */
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
