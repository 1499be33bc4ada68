import { noStage } from '@berth/shared/model/job/stages';
import type { Booking } from '../agent/booking.js';
import type { EquivalenceClass } from '../equivalence/equivalence-class.js';
import { type Explanation, explain } from '../explain/explain.js';
import type { AgentIndex } from '../index/agent-index.js';
import { place } from '../place/place.js';
import { isUnplaced, type PlaceOptions } from '../place/place-options.js';
import type { PlacementRequest, QueuedTask } from '../request/placement-request.js';
import { anywhere } from '../request/placement-spec.js';

/** Waits that a plan explains, at most: each explanation looks at every agent. */
const maxExplained = 20;

/** A task with the agent that it would get, or with the reasons why it would wait. */
export interface PlannedTask {
  readonly task: QueuedTask;
  readonly agentId?: string;
  readonly gpus: readonly number[];
  /** Set for the first of tasks that are alike. */
  readonly explanation?: Explanation;
}

/** Places the tasks as the next round would. The index is the same afterwards. */
export function planTasks(
  tasks: readonly QueuedTask[],
  index: AgentIndex,
  options: PlaceOptions = {},
): readonly PlannedTask[] {
  const byId = new Map(tasks.map((task) => [task.taskId, task]));
  const planned: PlannedTask[] = [];
  const explained = new Set<EquivalenceClass>();
  for (const result of place(tasks, index, { ...options, explains: () => false })) {
    const task = byId.get(result.taskId);
    if (task === undefined) continue;
    if (!isUnplaced(result)) {
      planned.push({ task, agentId: result.agentId, gpus: result.gpus });
      continue;
    }
    const request = index.equivalenceClassOf(task);
    const isFirst = !explained.has(request) && explained.size < maxExplained;
    explained.add(request);
    planned.push({ task, gpus: [], ...(isFirst ? { explanation: explain(task, index, options) } : {}) });
  }
  return planned;
}

/** Takes agents out of the index. Returns the bookings of their tasks. */
export function loseAgents(index: AgentIndex, agentIds: readonly string[]): readonly Booking[] {
  const bookings = agentIds.flatMap((id) => [...(index.find(id)?.bookings.values() ?? [])]);
  for (const id of agentIds) index.removeAgent(id);
  return bookings;
}

/** The first tasks of a job that does not exist yet, or of one of its stages. */
export function newTasks(
  request: PlacementRequest,
  count: number,
  stage: number = noStage,
): readonly QueuedTask[] {
  const { jobId, resources, spec = anywhere } = request;
  const part = stage === noStage ? '' : `${stage}-`;
  return Array.from({ length: count }, (_, slot) => ({
    taskId: `${jobId}.${part}${slot}-0`,
    jobId,
    resources,
    spec,
  }));
}
