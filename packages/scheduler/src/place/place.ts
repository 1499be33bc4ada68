import type { Resources } from '@berth/shared/gen/berth/v1/store';
import type { FitPolicy } from '@berth/shared/model/job/placement-preferences';
import { RequestClass } from '../equivalence/equivalence-class.js';
import { anywhere, type PlacementSpec } from '../filters/compile-spec.js';
import { countReasons } from '../filters/obstacles.js';
import type { Fleet } from '../index/block-index.js';
import type { Eviction } from '../index/candidates.js';
import type { AgentSlot } from '../index/indexed-agent.js';
import { type PreemptionRules, Preemptor } from '../preempt/preemptor.js';
import { type GroupShares, type Lane, type Line, lineUp, lineUpLanes } from '../queue/scheduling-queue.js';
import { cardsLeavingMost } from '../score/fragmentation.js';
import { findAgent, type Search } from './find-agent.js';
import { Journal } from './placement-transaction.js';

/** A task that waits for an agent. */
export interface QueuedTask {
  readonly taskId: string;
  readonly jobId: string;
  readonly resources: Resources;
  /** Absent: it may run anywhere. */
  readonly spec?: PlacementSpec;
}

export interface Placement {
  readonly taskId: string;
  readonly agentId: string;
  /** Indices of the cards that the task gets. */
  readonly cards: readonly number[];
  /** Where it gets the room of tasks that stop: which ones have to be told to, and which ones it has to wait for. */
  readonly handOver?: Eviction;
}

/** Why a task stays queued: a reason, and the number of agents it applies to. */
export interface Unplaced {
  readonly taskId: string;
  readonly jobId: string;
  /** Counted once in a plan for tasks that are alike; empty where the plan was not asked for them. */
  readonly reasons: ReadonlyMap<string, number>;
}

/** When something last happened to tasks of a job on an agent: by job, then by agent. */
export type TimesByJob = ReadonlyMap<string, ReadonlyMap<string, number>>;

export interface PlaceOptions {
  /** Of tasks whose jobs choose none. */
  readonly policy?: FitPolicy;
  /** Tasks that have ended, though their agents' fleet has not heard of it yet. */
  readonly ending?: readonly { readonly taskId: string; readonly agentId: string }[];
  /** Failures of a job on an agent since then count against that agent. */
  readonly failuresSinceMs?: number;
  /** An agent that has refused a task of a job since then gets no other one of it. */
  readonly refusalsSinceMs?: number;
  /** Failures and refusals that the fleet has not heard of yet. */
  readonly news?: { readonly failures: TimesByJob; readonly refusals: TimesByJob };
  /** How the cell is shared between capacity groups; where it is not given, groups make no difference. */
  readonly groups?: GroupShares;
  /** Which tasks may be stopped to make room for critical ones; where it is not given, none. */
  readonly preemption?: PreemptionRules;
  /** Which tasks the plan gives reasons for, if they have to wait; all, where it is not given. */
  readonly explains?: (taskId: string) => boolean;
}

/** Classes that are remembered; beyond them all are found out anew. */
const maxClasses = 10_000;

/**
 * Places queued tasks by tier, priority, fairness between groups and age (their order in the queue), each on the agent that is best for it. A
 * task that cannot be placed holds up nobody. The same arguments give the same plan. When the plan has been taken to its
 * end, or given up, the fleet is as it was: what comes of the plan is for others to book.
 */
export function place(
  queue: readonly QueuedTask[],
  fleet: Fleet,
  options: PlaceOptions = {},
): Generator<Placement | Unplaced, void, undefined> {
  return placeInTurn(lineUp(queue, options.groups), fleet, options);
}

/** The same for tasks that stand in lanes; of those of which one stays queued for all, only that one is told of. */
export function placeLanes(
  lanes: Iterable<Lane<QueuedTask>>,
  fleet: Fleet,
  options: PlaceOptions = {},
): Generator<Placement | Unplaced, void, undefined> {
  return placeInTurn(lineUpLanes(lanes, options.groups), fleet, options);
}

function* placeInTurn(
  line: Line<QueuedTask>,
  fleet: Fleet,
  options: PlaceOptions,
): Generator<Placement | Unplaced, void, undefined> {
  const journal = new Journal(fleet);
  const book = new ReasonBook(fleet);
  const preemptor = options.preemption && new Preemptor(fleet, options.preemption);
  try {
    for (const { taskId, agentId } of options.ending ?? []) journal.give(agentId, taskId);
    for (let task = line.next(); task !== undefined; task = line.next()) {
      const verdict = placeOne(task, { fleet, options, journal, book, preemptor });
      if (isUnplaced(verdict)) line.failed();
      else line.served();
      yield verdict;
    }
  } finally {
    journal.undo();
  }
}

/** Whether the verdict on a task is that it stays queued. */
export function isUnplaced(verdict: Placement | Unplaced): verdict is Unplaced {
  return 'reasons' in verdict;
}

/** The reasons of an unplaced task as one sentence for people. */
export function explainUnplaced({ reasons }: Unplaced): string {
  if (reasons.size === 0) return 'waiting: there is no live agent';
  const parts = [...reasons].map(([reason, count]) => `${reason} on ${count} agent${count === 1 ? '' : 's'}`);
  return `waiting: ${parts.join(', ')}`;
}

interface Work {
  readonly fleet: Fleet;
  readonly options: PlaceOptions;
  readonly journal: Journal;
  readonly book: ReasonBook;
  readonly preemptor: Preemptor | undefined;
}

function placeOne(task: QueuedTask, work: Work): Placement | Unplaced {
  const { fleet, options, book } = work;
  const { taskId, jobId, resources } = task;
  const { request, failedOn, policy } = searchFor(task, fleet, options);
  if (policy === 'fragmentation') fleet.mix.note(resources, request);
  const slot = findAgent({ fleet, request, policy, failedOn });
  if (slot !== undefined) {
    const cards =
      policy === 'fragmentation' && resources.gpuMillis > 0
        ? cardsLeavingMost(fleet, request, slot)
        : slot.cardsFor(resources.gpuMillis);
    return take(task, slot, { cards }, work);
  }
  const made = makeRoom(task, request, work);
  if (made !== undefined) return made;
  const isExplained = options.explains?.(taskId) ?? true;
  return { taskId, jobId, reasons: isExplained ? book.reasons(request) : noReasons };
}

/** Places the task in the room of others that it makes stop, where it may and can. */
function makeRoom(task: QueuedTask, request: RequestClass, work: Work): Placement | undefined {
  const handOver = task.spec?.tier === 'critical' ? work.preemptor?.makeRoom(request) : undefined;
  const slot = handOver && work.fleet.find(handOver.agentId);
  return handOver && slot && take(task, slot, { cards: handOver.cards, handOver }, work);
}

function take(
  { taskId, jobId, resources, spec = anywhere }: QueuedTask,
  slot: AgentSlot,
  got: Pick<Placement, 'cards' | 'handOver'>,
  { journal }: Work,
): Placement {
  const isExclusive = spec.conditions.has('exclusiveHost');
  const isCritical = spec.tier === 'critical';
  const { cards, handOver } = got;
  const awaits = handOver?.awaits ?? [];
  journal.take(slot, { taskId, jobId, resources, cards, isExclusive, isCritical, awaits });
  return { taskId, agentId: slot.id, ...got };
}

/** How an agent for the task is looked for. */
export function searchFor(
  task: QueuedTask,
  fleet: Fleet,
  { policy = 'binpack', failuresSinceMs, refusalsSinceMs, news }: PlaceOptions = {},
): Search {
  const { jobId, spec = anywhere } = task;
  const failedOn = since(failuresSinceMs, fleet.failuresOf(jobId), news?.failures.get(jobId));
  const refusedBy = since(refusalsSinceMs, fleet.refusalsOf(jobId), news?.refusals.get(jobId));
  const request = classOf(fleet, task, { dependsOnJob: failedOn !== undefined, refusedBy });
  return { fleet, request, policy: spec.policy ?? policy, failedOn };
}

/** Agents that one plan looks at, at most, to count reasons: a plan with very many different waits says less of each. */
const maxLooksForReasons = 400_000;

const noReasons: ReadonlyMap<string, number> = new Map();

/** Reasons as they were when first asked for in a plan. */
class ReasonBook {
  readonly #fleet: Fleet;
  readonly #known = new Map<RequestClass, ReadonlyMap<string, number>>();

  constructor(fleet: Fleet) {
    this.#fleet = fleet;
  }

  reasons(request: RequestClass): ReadonlyMap<string, number> {
    const known = this.#known.get(request);
    if (known !== undefined) return known;
    const { size } = this.#fleet;
    const isAffordable = this.#known.size * size <= maxLooksForReasons;
    const reasons = isAffordable ? countReasons(this.#fleet, request) : new Map([['not possible now', size]]);
    this.#known.set(request, reasons);
    return reasons;
  }
}

/** What sets a task apart from others that ask for the same. */
interface Apart {
  readonly dependsOnJob?: boolean;
  readonly refusedBy?: ReadonlySet<string> | undefined;
}

/** The class of tasks that ask for the same as this one. */
export function classOf(
  fleet: Fleet,
  task: QueuedTask,
  { dependsOnJob, refusedBy }: Apart = {},
): RequestClass {
  const { resources, spec = anywhere } = task;
  const jobId = spec.dependsOnJob || dependsOnJob || refusedBy !== undefined ? task.jobId : '';
  const { cpuMillis, memoryMb, diskMb, networkMbps, gpuMillis, ports, eni } = resources;
  const amounts = `${cpuMillis}/${memoryMb}/${diskMb}/${networkMbps}/${gpuMillis}/${ports}/${eni}`;
  const without = refusedBy === undefined ? '' : ` without ${[...refusedBy].join(' ')}`;
  const key = `${amounts} ${jobId} ${spec.key}${without}`;
  const known = fleet.classes.get(key);
  if (known !== undefined) return known;
  if (fleet.classes.size >= maxClasses) fleet.forgetClasses();
  const request = new RequestClass(fleet, task, refusedBy);
  fleet.classes.set(key, request);
  return request;
}

/** The agents for which something was noted since then; undefined where there are none. */
function since(
  sinceMs: number | undefined,
  ...noted: readonly (ReadonlyMap<string, number> | undefined)[]
): ReadonlySet<string> | undefined {
  let recent: Set<string> | undefined;
  if (sinceMs === undefined) return undefined;
  for (const times of noted) {
    if (times === undefined) continue;
    for (const [agentId, atMs] of times) if (atMs >= sinceMs) recent = (recent ?? new Set()).add(agentId);
  }
  return recent;
}
