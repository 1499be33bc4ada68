/** The trace at its own times, with departures, on a few of its nodes: how long pods wait. */
import type { AgentInfo } from '@berth/scheduler';
import { type AgentIndex, BlockIndex, isUnplaced, place, type QueuedTask } from '@berth/scheduler';
import type { FitPolicy } from '@berth/shared/model/job/placement-preferences';
import type { Pod, Trace } from './trace.js';

export interface Waits {
  /** Pods that an empty cluster of this size has room for; the others take no part. */
  readonly pods: number;
  /** Over those that were placed. */
  readonly meanSeconds: number;
  /** Those that wait when the last event has passed. */
  readonly waiting: number;
}

interface Waiting {
  readonly task: QueuedTask;
  readonly pod: Pod;
}

interface End {
  readonly at: number;
  readonly taskId: string;
  readonly agent: AgentInfo;
}

/** Rounds happen when something changes: each places the whole queue. */
export function replay({ agents, pods }: Trace, count: number, policy: FitPolicy): Waits {
  const fleet = new BlockIndex();
  for (let each = 0; each < count; each += 1) {
    const facts = agents[Math.floor((each * agents.length) / count)];
    if (facts !== undefined) fleet.addAgent(facts);
  }
  const possible = [...fleet.agents()];
  const arrivals = pods
    .filter(({ task }) => possible.some((agent) => agent.couldFit(task.resources)))
    .toSorted((a, b) => a.createdAt - b.createdAt);
  const cell = new Replay(fleet, policy);
  for (let at = 0; at < arrivals.length || cell.nextEnd !== undefined; ) {
    const now = Math.min(
      arrivals[at]?.createdAt ?? Number.POSITIVE_INFINITY,
      cell.nextEnd ?? Number.POSITIVE_INFINITY,
    );
    cell.endUntil(now);
    for (let pod = arrivals[at]; pod !== undefined && pod.createdAt <= now; pod = arrivals[at]) {
      cell.queue.push({ task: { ...pod.task, taskId: `task-${at}` }, pod });
      at += 1;
    }
    cell.round(now);
  }
  const { waited, placed, queue } = cell;
  return { pods: arrivals.length, meanSeconds: waited / placed, waiting: queue.length };
}

class Replay {
  readonly #fleet: AgentIndex;
  readonly #policy: FitPolicy;
  /** The next one to end is the last. */
  readonly #ends: End[] = [];
  queue: Waiting[] = [];
  waited = 0;
  placed = 0;

  constructor(fleet: AgentIndex, policy: FitPolicy) {
    this.#fleet = fleet;
    this.#policy = policy;
  }

  get nextEnd(): number | undefined {
    return this.#ends.at(-1)?.at;
  }

  endUntil(now: number): void {
    for (let end = this.#ends.at(-1); end !== undefined && end.at <= now; end = this.#ends.at(-1)) {
      this.#fleet.give(end.agent, end.taskId);
      this.#ends.pop();
    }
  }

  round(now: number): void {
    const byId = new Map(this.queue.map((each) => [each.task.taskId, each]));
    const options = { policy: this.#policy, explains: () => false };
    const tasks = this.queue.map(({ task }) => task);
    for (const result of [...place(tasks, this.#fleet, options)]) {
      const each = byId.get(result.taskId);
      const agent = isUnplaced(result) ? undefined : this.#fleet.find(result.agentId);
      if (each === undefined || agent === undefined || isUnplaced(result)) continue;
      const { taskId, jobId, resources } = each.task;
      this.#fleet.take(agent, { taskId, jobId, resources, gpus: result.gpus, isExclusive: false });
      this.#ends.push({ at: now + each.pod.runSeconds, taskId, agent });
      this.waited += now - each.pod.createdAt;
      this.placed += 1;
      byId.delete(taskId);
    }
    this.#ends.sort((a, b) => b.at - a.at);
    this.queue = [...byId.values()];
  }
}
