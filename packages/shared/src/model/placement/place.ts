import type { Resources } from '../../gen/berth/v1/store.js';
import type { AgentSlot, Booking } from './agent-slot.js';
import { findAgent } from './find-agent.js';
import type { Fleet } from './fleet.js';
import { cardsLeavingMost } from './fragmentation.js';
import type { FitPolicy } from './preferences.js';
import { countReasons } from './reasons.js';
import { RequestClass } from './request-class.js';
import { anywhere, type PlacementSpec } from './spec.js';

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
}

/** Why a task stays queued: a reason, and the number of agents it applies to. */
export interface Unplaced {
  readonly taskId: string;
  /** Counted once in a plan for tasks that are alike; empty where the plan was not asked for them. */
  readonly reasons: ReadonlyMap<string, number>;
}

export interface PlaceOptions {
  /** Of tasks whose jobs choose none. */
  readonly policy?: FitPolicy;
  /** Tasks that have ended, though their agents' fleet has not heard of it yet. */
  readonly ending?: readonly { readonly taskId: string; readonly agentId: string }[];
  /** Failures of a job on an agent since then count against that agent. */
  readonly failuresSinceMs?: number;
  /** Which tasks the plan gives reasons for, if they have to wait; all, where it is not given. */
  readonly explains?: (taskId: string) => boolean;
}

/** Classes that are remembered; beyond them all are found out anew. */
const maxClasses = 10_000;

/**
 * Places queued tasks by tier, priority and age (their order in the queue), each on the agent that is best for it. A
 * task that cannot be placed holds up nobody. The same arguments give the same plan. When the plan has been taken to its
 * end, or given up, the fleet is as it was: what comes of the plan is for others to book.
 */
export function* place(
  queue: readonly QueuedTask[],
  fleet: Fleet,
  options: PlaceOptions = {},
): Generator<Placement | Unplaced, void, undefined> {
  const journal = new Journal(fleet);
  const book = new ReasonBook(fleet);
  try {
    for (const { taskId, agentId } of options.ending ?? []) journal.give(agentId, taskId);
    for (const task of inOrder(queue)) yield placeOne(task, { fleet, options, journal, book });
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
}

function placeOne(task: QueuedTask, { fleet, options, journal, book }: Work): Placement | Unplaced {
  const { taskId, jobId, resources, spec = anywhere } = task;
  const failedOn = recentFailures(fleet, jobId, options.failuresSinceMs);
  const request = classOf(fleet, task, failedOn !== undefined);
  const policy = spec.policy ?? options.policy ?? 'binpack';
  if (policy === 'fragmentation') fleet.mix.note(resources);
  const slot = findAgent({ fleet, request, policy, failedOn });
  if (slot === undefined) {
    const isAsked = options.explains?.(taskId) ?? true;
    return { taskId, reasons: isAsked ? book.reasons(request) : noReasons };
  }
  const cards =
    policy === 'fragmentation' && resources.gpuMillis > 0
      ? cardsLeavingMost(fleet, request, slot)
      : slot.cardsFor(resources.gpuMillis);
  const isExclusive = spec.conditions.has('exclusiveHost');
  journal.take(slot, { taskId, jobId, resources, cards, isExclusive });
  return { taskId, agentId: slot.id, cards };
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

/** The class of tasks that ask for the same as this one. */
export function classOf(fleet: Fleet, task: QueuedTask, dependsOnJob = false): RequestClass {
  const { resources, spec = anywhere } = task;
  const jobId = spec.dependsOnJob || dependsOnJob ? task.jobId : '';
  const { cpuMillis, memoryMb, diskMb, networkMbps, gpuMillis, ports } = resources;
  const key = `${cpuMillis}/${memoryMb}/${diskMb}/${networkMbps}/${gpuMillis}/${ports} ${jobId} ${spec.key}`;
  const known = fleet.classes.get(key);
  if (known !== undefined) return known;
  if (fleet.classes.size >= maxClasses) fleet.classes.clear();
  const request = new RequestClass(fleet, resources, spec, task.jobId);
  fleet.classes.set(key, request);
  return request;
}

function recentFailures(
  fleet: Fleet,
  jobId: string,
  sinceMs: number | undefined,
): ReadonlySet<string> | undefined {
  const failures = sinceMs === undefined ? undefined : fleet.failuresOf(jobId);
  if (failures === undefined || sinceMs === undefined) return undefined;
  const recent = new Set<string>();
  for (const [agentId, atMs] of failures) if (atMs >= sinceMs) recent.add(agentId);
  return recent.size === 0 ? undefined : recent;
}

/** By tier, then priority; the queue's own order decides among equals. */
function inOrder(queue: readonly QueuedTask[]): readonly QueuedTask[] {
  const isPlain = queue.every(({ spec = anywhere }) => spec.tier === 'flex' && spec.priority === 0);
  return isPlain ? queue : queue.toSorted((a, b) => rank(b) - rank(a));
}

function rank({ spec = anywhere }: QueuedTask): number {
  return (spec.tier === 'critical' ? 1_000_000 : 0) + spec.priority;
}

/** A step of a plan: a task that was booked, or one whose booking was given back. */
interface Step {
  readonly slot: AgentSlot;
  readonly booking: Booking;
  readonly isTaken: boolean;
}

/** What a plan has booked, so that it can be taken back. */
class Journal {
  readonly #fleet: Fleet;
  readonly #steps: Step[] = [];

  constructor(fleet: Fleet) {
    this.#fleet = fleet;
  }

  take(slot: AgentSlot, booking: Booking): void {
    this.#steps.push({ slot, booking: this.#fleet.take(slot, booking), isTaken: true });
  }

  give(agentId: string, taskId: string): void {
    const slot = this.#fleet.find(agentId);
    const booking = slot && this.#fleet.give(slot, taskId);
    if (slot !== undefined && booking !== undefined) this.#steps.push({ slot, booking, isTaken: false });
  }

  undo(): void {
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      if (step.isTaken) this.#fleet.give(step.slot, step.booking.taskId);
      else this.#fleet.take(step.slot, step.booking);
    }
  }
}
