import type { AgentDrainRecord, JobRecord, TaskRecord } from '@berth/shared/gen/berth/v1/store';
import { jobKind } from '@berth/shared/model/job/job';
import { isTaskLive } from '@berth/shared/model/task/task-state';
import type { Limits } from '../task/limits.js';
import { orderStop } from '../task/order-stop.js';
import { checkAgainMs, disruptionAllowance } from './disruption.js';

/** The inputs of the decision on moves off draining agents. */
interface MoveInput {
  readonly job: JobRecord;
  readonly tasks: readonly TaskRecord[];
  /** Returns the drain of the agent; undefined if it is not drained. */
  readonly drainOf: (agentId: string) => AgentDrainRecord | undefined;
  /**
   * Reserves capacity elsewhere for another task like this one, for the rest of the round; true if there is
   * any.
   */
  readonly findCapacity: (task: TaskRecord) => boolean;
  readonly nowMs: number;
  readonly limits: Limits;
}

interface Moves {
  /** Tasks that stop: their slots are filled again elsewhere. */
  readonly stopped: readonly TaskRecord[];
  /** The time of the next pass without a change; Infinity: never. */
  readonly nextDueMs: number;
}

const nothing: Moves = { stopped: [], nextDueMs: Number.POSITIVE_INFINITY };

/**
 * Decides on the tasks that leave draining agents now. Tasks of services and stages leave within the job's
 * limit of disruption, and only if there is capacity for them elsewhere. Tasks of batch jobs are left to end.
 * Once a drain's deadline has passed, all go.
 */
export function movesOf(input: MoveInput): Moves {
  const { job, tasks, drainOf, nowMs } = input;
  if (job.descriptor === undefined) return nothing;
  const isBatch = jobKind(job.descriptor) === 'batch';
  const waiting: TaskRecord[] = [];
  const stopped: TaskRecord[] = [];
  let nextDueMs = Number.POSITIVE_INFINITY;
  for (const task of tasks) {
    if (!isTaskLive(task) || task.agentId === '' || task.stop !== undefined) continue;
    const drain = drainOf(task.agentId);
    if (drain === undefined) continue;
    if (drain.deadlineAtMs > 0 && drain.deadlineAtMs <= nowMs) stopped.push(moved(task, input));
    else {
      if (drain.deadlineAtMs > 0) nextDueMs = Math.min(nextDueMs, drain.deadlineAtMs);
      if (!isBatch) waiting.push(task);
    }
  }
  if (waiting.length === 0) return { stopped, nextDueMs };
  const gradual = moveGradually(input, waiting, stopped);
  return { stopped: [...stopped, ...gradual.stopped], nextDueMs: Math.min(nextDueMs, gradual.nextDueMs) };
}

function moveGradually(input: MoveInput, waiting: readonly TaskRecord[], gone: readonly TaskRecord[]): Moves {
  const { job, tasks, findCapacity, nowMs } = input;
  let allowance = disruptionAllowance(job, tasks) - gone.length;
  const stopped: TaskRecord[] = [];
  let isStuck = false;
  for (const task of waiting) {
    if (allowance <= 0) break;
    if (findCapacity(task)) {
      stopped.push(moved(task, input));
      allowance -= 1;
    } else isStuck = true;
  }
  return { stopped, nextDueMs: isStuck ? nowMs + checkAgainMs : Number.POSITIVE_INFINITY };
}

function moved(task: TaskRecord, { job, nowMs, limits }: MoveInput): TaskRecord {
  const text = `agent ${task.agentId} is drained`;
  return orderStop(task, { code: 'moved', text, atMs: nowMs }, { job, limits });
}
