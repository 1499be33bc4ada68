import type { JobRecord, Resources, TaskRecord } from '@berth/shared/gen/berth/v1/store';
import { isAgentAlive } from '@berth/shared/model/cell/agent';
import type { CellView } from '@berth/shared/model/cell/cell-view';
import { launchFailuresOf } from '@berth/shared/model/cell/launch-health';
import { gpusKey, parseGpus } from '@berth/shared/model/resources/gpus';
import { zeroResources } from '@berth/shared/model/resources/vector';
import { isBlamelessCode } from '@berth/shared/model/task/failure';
import { taskIdOf } from '@berth/shared/model/task/task-id';
import { isTaskLive, State, taskReasonCode, taskState } from '@berth/shared/model/task/task-state';
import type { Avoidance } from '../agent/agent-info.js';
import type { Booking } from '../agent/booking.js';
import { specOfJob } from '../filters/compile-spec.js';
import type { AgentIndex } from '../index/agent-index.js';
import { BlockIndex } from '../index/block-index.js';
import { AvoidedAgents, isSameAvoidance } from './avoided-agents.js';
import { GroupUse } from './group-use.js';

/** The capacity of one agent. */
export interface AgentCapacity {
  readonly id: string;
  readonly total: Resources;
  readonly free: Resources;
}

/** The live tasks of each agent, and the index of live agents. Both follow the cell change by change. */
export class AgentLedger {
  readonly index: AgentIndex = new BlockIndex();
  readonly #cell: CellView;
  readonly #groups: GroupUse | undefined;
  readonly #avoided = new AvoidedAgents();
  /** Live tasks on agents that are ordered to stop, with their agents. */
  readonly #stopping = new Map<string, string>();
  /** By agent, then by task. Lost agents are included. */
  readonly #tasks = new Map<string, Map<string, TaskRecord>>();

  /** With `countsGroups` the ledger also sums the resources of each capacity group. */
  constructor(cell: CellView, { countsGroups = false } = {}) {
    this.#cell = cell;
    this.#groups = countsGroups ? new GroupUse(cell) : undefined;
    for (const { record } of cell.all('task')) {
      if (holdsResources(record)) {
        this.#tasksOn(record.agentId).set(taskIdOf(record), record);
        this.#groups?.add(record);
      }
      this.#noteStop(undefined, record);
      this.#noteFailure(record);
    }
    for (const { id } of cell.all('agent')) this.updateAgent(id);
  }

  /** Books the change of a task on its agents. */
  update(before: TaskRecord | undefined, after: TaskRecord | undefined): void {
    const isAsBefore = before !== undefined && after !== undefined && holdTheSame(before, after);
    if (isAsBefore) this.#tasksOn(after.agentId).set(taskIdOf(after), after);
    else if (before !== undefined && holdsResources(before)) this.#give(before);
    this.#noteStop(before, after);
    if (after !== undefined && !isAsBefore && holdsResources(after)) this.#take(after);
    if (after !== undefined) this.#noteFailure(after);
  }

  /** Books an agent that came, left, or changed. */
  updateAgent(agentId: string): void {
    const isLive = isAgentAlive(this.#cell, agentId);
    this.#avoided.note(agentId, isLive ? launchFailuresOf(this.#cell, agentId) : undefined);
    if (isLive) this.#bookAgent(agentId, this.index.find(agentId)?.avoidance);
    else this.index.removeAgent(agentId);
    this.#rebookAvoided(agentId);
  }

  /** Sets the time: agents that were avoided for long enough take a task on trial. True if there are such. */
  advance(nowMs: number): boolean {
    const isDue = this.nextTrialMs() <= nowMs;
    this.#avoided.advance(nowMs);
    if (isDue) this.#rebookAvoided();
    return isDue;
  }

  /**
   * Notes if a round has left tasks without an agent. Then the agent that failed least recently is tried
   * sooner. Returns true if that may have changed an agent.
   */
  noteWaiting(tasksWait: boolean): boolean {
    const mayChange = this.#avoided.noteWaiting(tasksWait) && this.#avoided.size > 0;
    if (mayChange) this.#rebookAvoided();
    return mayChange;
  }

  /** The soonest time at which an avoided agent takes a task on trial; Infinity: never. */
  nextTrialMs(): number {
    return this.#avoided.size === 0
      ? Number.POSITIVE_INFINITY
      : this.#avoided.nextTrialMs(this.index.agents());
  }

  /** Books the agents that fail launches as they are now, and the agent that may have failed before. */
  #rebookAvoided(changedId?: string): void {
    if (this.#avoided.size === 0 && changedId === undefined) return;
    const avoidances = this.#avoided.avoidances(this.index.agents());
    const ids = changedId === undefined ? this.#avoided.ids : new Set([...this.#avoided.ids, changedId]);
    for (const id of ids) if (this.index.find(id) !== undefined) this.#bookAgent(id, avoidances.get(id));
  }

  #bookAgent(agentId: string, avoidance: Avoidance | undefined): void {
    const agent = this.#cell.find('agent', agentId)?.record;
    if (agent === undefined) return;
    const total = agent.capacity ?? zeroResources();
    const known = this.index.find(agentId);
    // An agent that registers anew mostly has the same capacity.
    const isDraining = this.#cell.find('agentDrain', agentId) !== undefined;
    const isUnchanged =
      known?.attributes === agent.attributes &&
      known.total === total &&
      known.isDraining === isDraining &&
      isSameAvoidance(known.avoidance, avoidance);
    if (isUnchanged) return;
    const tasks = this.tasksOn(agentId);
    this.index.addAgent({ id: agentId, attributes: agent.attributes, total, isDraining, avoidance });
    for (const task of tasks) this.#book(task);
  }

  /** Drops the failures of a job that no longer exists. */
  forgetJob(jobId: string): void {
    this.index.failures.forget(jobId);
    this.index.refusals.forget(jobId);
  }

  /** Live tasks on agents that are ordered to stop, with their agents. */
  get stopping(): ReadonlyMap<string, string> {
    return this.#stopping;
  }

  /** The resources of the live tasks of each capacity group; undefined if they are not summed. */
  get groupUse(): ReadonlyMap<string, Resources> | undefined {
    return this.#groups?.used;
  }

  /** The live tasks on the agent. */
  tasksOn(agentId: string): Iterable<TaskRecord> {
    return this.#tasks.get(agentId)?.values() ?? [];
  }

  /** The jobs that have live tasks on the agent. */
  jobsOn(agentId: string): ReadonlySet<string> {
    return new Set([...this.tasksOn(agentId)].map((task) => task.jobId));
  }

  /** The capacity of every live agent. */
  capacities(): readonly AgentCapacity[] {
    return [...this.#cell.all('agent')].flatMap(({ id }) => {
      const agent = this.index.find(id);
      return agent === undefined ? [] : [{ id, total: agent.total, free: { ...agent.free } }];
    });
  }

  #take(task: TaskRecord): void {
    this.#tasksOn(task.agentId).set(taskIdOf(task), task);
    this.#groups?.add(task);
    this.#book(task);
  }

  #book(task: TaskRecord): void {
    const agent = this.index.find(task.agentId);
    if (agent !== undefined)
      this.index.take(agent, bookingOf(task, this.#cell.find('job', task.jobId)?.record));
  }

  #give(task: TaskRecord): void {
    const tasks = this.#tasks.get(task.agentId);
    if (!tasks?.delete(taskIdOf(task))) return;
    if (tasks.size === 0) this.#tasks.delete(task.agentId);
    this.#groups?.remove(taskIdOf(task));
    const agent = this.index.find(task.agentId);
    if (agent !== undefined) this.index.give(agent, taskIdOf(task));
  }

  #noteFailure(task: TaskRecord): void {
    const { jobId, agentId, finishedAtMs } = task;
    const kind = failureKind(task);
    if (kind !== undefined) this.index.failures.note(jobId, agentId, finishedAtMs);
    if (kind === 'refused') this.index.refusals.note(jobId, agentId, finishedAtMs);
  }

  #noteStop(before: TaskRecord | undefined, after: TaskRecord | undefined): void {
    if (after !== undefined && after.stop !== undefined && holdsResources(after)) {
      this.#stopping.set(taskIdOf(after), after.agentId);
    } else if (before?.stop !== undefined) this.#stopping.delete(taskIdOf(before));
  }

  #tasksOn(agentId: string): Map<string, TaskRecord> {
    const known = this.#tasks.get(agentId);
    if (known !== undefined) return known;
    const tasks = new Map<string, TaskRecord>();
    this.#tasks.set(agentId, tasks);
    return tasks;
  }
}

/** The kind of failure that the end of a task counts as on its agent; undefined if it counts as none. */
export function failureKind(task: TaskRecord): 'failed' | 'refused' | undefined {
  if (taskState(task) !== State.FAILED || task.agentId === '') return undefined;
  const code = taskReasonCode(task);
  if (isBlamelessCode(code)) return undefined;
  return code === 'refused' ? 'refused' : 'failed';
}

/** The booking of a placed task. */
function bookingOf(task: TaskRecord, job: JobRecord | undefined): Booking {
  const spec = job && specOfJob(job, task.stage);
  return {
    taskId: taskIdOf(task),
    jobId: task.jobId,
    resources: resourcesOf(task),
    gpus: parseGpus(task.task?.taskContext[gpusKey]),
    isExclusive: spec?.isExclusive ?? false,
    isCritical: spec?.tier === 'critical',
    isLaunching: taskState(task) < State.RUNNING,
    hostPorts: spec?.hostPorts ?? [],
    awaits: task.awaitedTaskIds,
  };
}

/** True if the booking of a changed task stays the same. */
function holdTheSame(before: TaskRecord, after: TaskRecord): boolean {
  return (
    holdsResources(before) &&
    holdsResources(after) &&
    before.agentId === after.agentId &&
    before.resources === after.resources &&
    before.awaitedTaskIds.length === after.awaitedTaskIds.length &&
    before.task?.taskContext[gpusKey] === after.task?.taskContext[gpusKey]
  );
}

function holdsResources(task: TaskRecord): boolean {
  return task.agentId !== '' && isTaskLive(task);
}

function resourcesOf(task: TaskRecord): Resources {
  return task.resources ?? zeroResources();
}
