import type { Resources, TaskRecord } from '@berth/shared/gen/berth/v1/store';
import type { CellView } from '@berth/shared/model/cell-view';
import { addResources, subtractResources, zeroResources } from '@berth/shared/model/resources';
import { isTaskLive } from '@berth/shared/model/task-state';
import { isAgentAlive } from './core/job-view.js';
import type { AgentCapacity } from './core/place.js';
import type { Capacities } from './core/round-types.js';

interface Account {
  used: Resources;
  readonly tasks: Map<string, TaskRecord>;
}

/** Which live tasks each agent has and what they use, kept current change by change. */
export class AgentLedger implements Capacities {
  readonly #cell: CellView;
  readonly #accounts = new Map<string, Account>();

  constructor(cell: CellView) {
    this.#cell = cell;
    for (const task of cell.all('task')) this.update(undefined, task.record);
  }

  /** Books what a task's change means for its agents. */
  update(before: TaskRecord | undefined, after: TaskRecord | undefined): void {
    if (before !== undefined && holdsResources(before)) this.#give(before);
    if (after !== undefined && holdsResources(after)) this.#take(after);
  }

  /** The jobs that have live tasks on the agent. */
  jobsOn(agentId: string): ReadonlySet<string> {
    return new Set([...(this.#accounts.get(agentId)?.tasks.values() ?? [])].map((task) => task.jobId));
  }

  capacities(ending: readonly TaskRecord[]): readonly AgentCapacity[] {
    const freed = new Map<string, Resources>();
    for (const task of ending) {
      freed.set(task.agentId, addResources(freed.get(task.agentId) ?? zeroResources(), resourcesOf(task)));
    }
    const live: AgentCapacity[] = [];
    for (const { id, record } of this.#cell.all('agent')) {
      if (!isAgentAlive(this.#cell, id)) continue;
      const total = record.capacity ?? zeroResources();
      const used = this.#accounts.get(id)?.used ?? zeroResources();
      const free = subtractResources(total, used);
      const back = freed.get(id);
      live.push({ id, total, free: back === undefined ? free : addResources(free, back) });
    }
    return live;
  }

  #take(task: TaskRecord): void {
    const account = this.#accounts.get(task.agentId) ?? { used: zeroResources(), tasks: new Map() };
    account.used = addResources(account.used, resourcesOf(task));
    account.tasks.set(idOf(task), task);
    this.#accounts.set(task.agentId, account);
  }

  #give(task: TaskRecord): void {
    const account = this.#accounts.get(task.agentId);
    const booked = account?.tasks.get(idOf(task));
    if (account === undefined || booked === undefined) return;
    account.used = subtractResources(account.used, resourcesOf(booked));
    account.tasks.delete(idOf(task));
    if (account.tasks.size === 0) this.#accounts.delete(task.agentId);
  }
}

function holdsResources(task: TaskRecord): boolean {
  return task.agentId !== '' && isTaskLive(task);
}

function resourcesOf(task: TaskRecord): Resources {
  return task.resources ?? zeroResources();
}

function idOf(task: TaskRecord): string {
  return task.task?.id ?? '';
}
