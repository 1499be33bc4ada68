import { noStage } from '@berth/shared/model/job/stages';
import type { RequestClass } from '../equivalence/equivalence-class.js';
import { type Explanation, explain } from '../explain/explain.js';
import { anywhere } from '../filters/compile-spec.js';
import type { Fleet } from '../index/block-index.js';
import type { Booking } from '../index/indexed-agent.js';
import { classOf, isUnplaced, type PlaceOptions, place, type QueuedTask } from '../place/place.js';

/** Waits that a plan explains, at most: each looks at every agent. */
const maxExplained = 20;

/** Where a task would go, or why it would wait. */
export interface PlannedTask {
  readonly task: QueuedTask;
  readonly agentId?: string;
  readonly cards: readonly number[];
  /** Given for the first of tasks that are alike. */
  readonly explanation?: Explanation;
}

/** Places the tasks as the next round would. The fleet is as it was afterwards. */
export function planTasks(
  tasks: readonly QueuedTask[],
  fleet: Fleet,
  options: PlaceOptions = {},
): readonly PlannedTask[] {
  const byId = new Map(tasks.map((task) => [task.taskId, task]));
  const planned: PlannedTask[] = [];
  const explained = new Set<RequestClass>();
  for (const verdict of place(tasks, fleet, { ...options, explains: () => false })) {
    const task = byId.get(verdict.taskId);
    if (task === undefined) continue;
    if (!isUnplaced(verdict)) {
      planned.push({ task, agentId: verdict.agentId, cards: verdict.cards });
      continue;
    }
    const request = classOf(fleet, task);
    const isNews = !explained.has(request) && explained.size < maxExplained;
    explained.add(request);
    planned.push({ task, cards: [], ...(isNews ? { explanation: explain(task, fleet, options) } : {}) });
  }
  return planned;
}

/** Takes agents out of the fleet, and tells what ran there. */
export function loseAgents(fleet: Fleet, agentIds: readonly string[]): readonly Booking[] {
  const bookings = agentIds.flatMap((id) => [...(fleet.find(id)?.bookings.values() ?? [])]);
  for (const id of agentIds) fleet.removeAgent(id);
  return bookings;
}

/** Tasks of a job that is not there yet, or of one of its stages; `count` of them. */
export function newTasks(
  request: Omit<QueuedTask, 'taskId'>,
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
