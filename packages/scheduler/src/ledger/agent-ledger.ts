import type { JobRecord, Resources, TaskRecord } from '@berth/shared/gen/berth/v1/store';
import { isAgentAlive } from '@berth/shared/model/cell/agent';
import type { CellView } from '@berth/shared/model/cell/cell-view';
import { gpusKey, parseGpus } from '@berth/shared/model/resources/gpus';
import { zeroResources } from '@berth/shared/model/resources/vector';
import { isBlamelessCode } from '@berth/shared/model/task/reason';
import { taskIdOf } from '@berth/shared/model/task/task-id';
import { isTaskLive, State, taskReasonCode, taskState } from '@berth/shared/model/task/task-state';
import { specOfJob } from '../filters/compile-spec.js';
import { Fleet } from '../index/block-index.js';
import type { Booking } from '../index/indexed-agent.js';
import { GroupUse } from './group-use.js';

/** What an agent has in all, and what of it is free. */
export interface AgentCapacity {
  readonly id: string;
  readonly total: Resources;
  readonly free: Resources;
}

/**
 * Which live tasks each agent has, and the fleet of live agents with what they hold, both kept current change by change.
 */
export class AgentLedger {
  readonly fleet = new Fleet();
  readonly #cell: CellView;
  readonly #groups: GroupUse | undefined;
  /** Live tasks on agents that have been told to stop, with their agents. */
  readonly #stopping = new Map<string, string>();
  /** By agent, then by task; agents that are lost included. */
  readonly #tasks = new Map<string, Map<string, TaskRecord>>();

  /** With `countsGroups` it knows what each capacity group holds. */
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

  /** Books what a task's change means for its agents. */
  update(before: TaskRecord | undefined, after: TaskRecord | undefined): void {
    const isAsBefore = before !== undefined && after !== undefined && holdTheSame(before, after);
    if (isAsBefore) this.#tasksOn(after.agentId).set(taskIdOf(after), after);
    else if (before !== undefined && holdsResources(before)) this.#give(before);
    this.#noteStop(before, after);
    if (after !== undefined && !isAsBefore && holdsResources(after)) this.#take(after);
    if (after !== undefined) this.#noteFailure(after);
  }

  /** Books that an agent has come, gone, or changed. */
  updateAgent(agentId: string): void {
    const agent = this.#cell.find('agent', agentId)?.record;
    if (agent === undefined || !isAgentAlive(this.#cell, agentId)) return this.fleet.removeAgent(agentId);
    const total = agent.capacity ?? zeroResources();
    const slot = this.fleet.find(agentId);
    // What an agent registers anew is mostly what it had.
    const isDraining = this.#cell.find('agentDrain', agentId) !== undefined;
    const isAsItWas =
      slot?.attributes === agent.attributes && slot.total === total && slot.isDraining === isDraining;
    if (isAsItWas) return;
    const tasks = this.tasksOn(agentId);
    this.fleet.addAgent({ id: agentId, attributes: agent.attributes, total, isDraining });
    for (const task of tasks) this.#book(task);
  }

  /** Drops what is known of a job that is no more. */
  forgetJob(jobId: string): void {
    this.fleet.forgetFailures(jobId);
  }

  /** Live tasks on agents that have been told to stop, with their agents. */
  get stopping(): ReadonlyMap<string, string> {
    return this.#stopping;
  }

  /** What the live tasks of each capacity group hold; undefined where it is not counted. */
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

  /** What the live agents have and what of it is free. */
  capacities(): readonly AgentCapacity[] {
    return [...this.#cell.all('agent')].flatMap(({ id }) => {
      const slot = this.fleet.find(id);
      return slot === undefined ? [] : [{ id, total: slot.total, free: slot.free }];
    });
  }

  #take(task: TaskRecord): void {
    this.#tasksOn(task.agentId).set(taskIdOf(task), task);
    this.#groups?.add(task);
    this.#book(task);
  }

  #book(task: TaskRecord): void {
    const slot = this.fleet.find(task.agentId);
    if (slot !== undefined)
      this.fleet.take(slot, bookingOf(task, this.#cell.find('job', task.jobId)?.record));
  }

  #give(task: TaskRecord): void {
    const tasks = this.#tasks.get(task.agentId);
    if (!tasks?.delete(taskIdOf(task))) return;
    if (tasks.size === 0) this.#tasks.delete(task.agentId);
    this.#groups?.remove(taskIdOf(task));
    const slot = this.fleet.find(task.agentId);
    if (slot !== undefined) this.fleet.give(slot, taskIdOf(task));
  }

  #noteFailure(task: TaskRecord): void {
    const { jobId, agentId, finishedAtMs } = task;
    const verdict = verdictOnAgent(task);
    if (verdict !== undefined) this.fleet.noteFailure(jobId, agentId, finishedAtMs);
    if (verdict === 'refused') this.fleet.noteRefusal(jobId, agentId, finishedAtMs);
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

/** What the end of a task says against its agent; undefined where it says nothing. */
export function verdictOnAgent(task: TaskRecord): 'failed' | 'refused' | undefined {
  if (taskState(task) !== State.FAILED || task.agentId === '') return undefined;
  const code = taskReasonCode(task);
  if (isBlamelessCode(code)) return undefined;
  return code === 'refused' ? 'refused' : 'failed';
}

/** What a placed task holds on its agent. */
export function bookingOf(task: TaskRecord, job: JobRecord | undefined): Booking {
  const spec = job && specOfJob(job, task.stage);
  return {
    taskId: taskIdOf(task),
    jobId: task.jobId,
    resources: resourcesOf(task),
    cards: parseGpus(task.task?.taskContext[gpusKey]),
    isExclusive: spec?.conditions.has('exclusiveHost') ?? false,
    isCritical: spec?.tier === 'critical',
    awaits: task.awaitedTaskIds,
  };
}

/** Whether a task that changes goes on to hold what it held. */
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
