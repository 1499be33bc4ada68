import type { AgentInfo } from '../agent/agent-info.js';
import type { EquivalenceClass } from '../equivalence/equivalence-class.js';
import type { AgentIndex } from '../index/agent-index.js';
import { Preemptor } from '../preempt/preemptor.js';
import type { QueueShard } from '../queue/queue-shard.js';
import { queueOf, queueOfShards, type SchedulingQueue } from '../queue/scheduling-queue.js';
import type { QueuedTask } from '../request/placement-request.js';
import { anywhere } from '../request/placement-spec.js';
import { findAgent } from './find-agent.js';
import { isUnplaced, type Placement, type PlaceOptions, type Unplaced } from './place-options.js';
import { PlacementTransaction } from './placement-transaction.js';
import { type CountedReasons, ReasonCounts } from './reason-counts.js';
import { searchFor } from './search-for.js';

/**
 * Places queued tasks by tier, priority, fairness between groups and age (their order in the queue), each on
 * the agent that is best for it. A task without an agent holds up no other. The same arguments give the same
 * plan. At the end of the plan, or when the caller stops reading it, the index is as it was before: the
 * caller books the plan.
 */
export function place(
  tasks: readonly QueuedTask[],
  index: AgentIndex,
  options: PlaceOptions = {},
): Generator<Placement | Unplaced, void, undefined> {
  return placeInTurn(queueOf(tasks, options.groups), index, options);
}

/**
 * The same for tasks in shards. If one unplaced task of a shard stands for all, the plan has only that one of
 * them.
 */
export function placeShards(
  shards: Iterable<QueueShard<QueuedTask>>,
  index: AgentIndex,
  options: PlaceOptions = {},
): Generator<Placement | Unplaced, void, undefined> {
  return placeInTurn(queueOfShards(shards, options.groups), index, options);
}

function* placeInTurn(
  queue: SchedulingQueue<QueuedTask>,
  index: AgentIndex,
  options: PlaceOptions,
): Generator<Placement | Unplaced, void, undefined> {
  const transaction = new PlacementTransaction(index);
  const reasons = new ReasonCounts(index);
  const preemptor = options.preemption && new Preemptor(index, options.preemption);
  try {
    for (const { taskId, agentId } of options.ending ?? []) transaction.give(agentId, taskId);
    for (let task = queue.next(); task !== undefined; task = queue.next()) {
      const result = placeOne(task, { index, options, transaction, reasons, preemptor });
      if (isUnplaced(result)) queue.noteUnplaced();
      else queue.notePlaced();
      yield result;
    }
  } finally {
    transaction.rollback();
  }
}

interface PlanContext {
  readonly index: AgentIndex;
  readonly options: PlaceOptions;
  readonly transaction: PlacementTransaction;
  readonly reasons: ReasonCounts;
  readonly preemptor: Preemptor | undefined;
}

/** The stages for one task: its class, filters with preferences and score, preemption, reasons. */
function placeOne(task: QueuedTask, context: PlanContext): Placement | Unplaced {
  const { index, options, reasons } = context;
  const { taskId, jobId } = task;
  const search = searchFor(task, index, options);
  const { request, scorer } = search;
  scorer.note(request);
  const agent = findAgent(search);
  if (agent !== undefined) return take(task, agent, { gpus: scorer.gpusOn(agent, request) }, context);
  const preempted = preempt(task, request, context);
  if (preempted !== undefined) return preempted;
  const isExplained = options.explains?.(taskId) ?? true;
  return { taskId, jobId, ...(isExplained ? reasons.of(request) : noReasons) };
}

const noReasons: CountedReasons = { reasons: new Map(), takenBy: new Map(), details: new Map() };

/** Places a critical task in the capacity of tasks that it makes stop, if it may and can. */
function preempt(task: QueuedTask, request: EquivalenceClass, context: PlanContext): Placement | undefined {
  const preemption = task.spec?.tier === 'critical' ? context.preemptor?.preempt(request) : undefined;
  const agent = preemption && context.index.find(preemption.agentId);
  return preemption && agent && take(task, agent, { gpus: preemption.gpus, preemption }, context);
}

function take(
  { taskId, jobId, resources, spec = anywhere }: QueuedTask,
  agent: AgentInfo,
  got: Pick<Placement, 'gpus' | 'preemption'>,
  { transaction }: PlanContext,
): Placement {
  const { gpus, preemption } = got;
  const { isExclusive, hostPorts } = spec;
  const isCritical = spec.tier === 'critical';
  const awaits = preemption?.awaits ?? [];
  transaction.take(agent, {
    taskId,
    jobId,
    resources,
    gpus,
    isExclusive,
    isCritical,
    isLaunching: true,
    hostPorts,
    awaits,
  });
  return { taskId, agentId: agent.id, ...got };
}
