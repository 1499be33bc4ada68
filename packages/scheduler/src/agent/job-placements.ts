import type { AgentInfo } from './agent-info.js';

/** The agents that have tasks of one job. */
export class JobPlacements {
  readonly #byAgent = new Map<AgentInfo, number>();
  readonly #byZone = new Map<string, number>();
  /** The number of agents that have so many tasks of the job. */
  readonly #agentsWith: number[] = [];
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** The number of the job's tasks on the agent. */
  on(agent: AgentInfo): number {
    return this.#byAgent.get(agent) ?? 0;
  }

  /** The number of the job's tasks in the zone. */
  inZone(zone: string): number {
    return this.#byZone.get(zone) ?? 0;
  }

  /** Each agent with the number of the job's tasks on it. */
  agents(): Iterable<readonly [AgentInfo, number]> {
    return this.#byAgent;
  }

  /** The numbers of tasks that agents have of the job, each once, the least first. */
  levels(): readonly number[] {
    return [...this.#agentsWith.keys()].filter((tasks) => (this.#agentsWith[tasks] ?? 0) > 0);
  }

  add(agent: AgentInfo): void {
    const before = this.on(agent);
    this.#byAgent.set(agent, before + 1);
    this.#countAgent(before, -1);
    this.#countAgent(before + 1, 1);
    this.#byZone.set(agent.zone, this.inZone(agent.zone) + 1);
    this.#count += 1;
  }

  remove(agent: AgentInfo): void {
    const left = this.on(agent) - 1;
    if (left > 0) this.#byAgent.set(agent, left);
    else this.#byAgent.delete(agent);
    this.#countAgent(left + 1, -1);
    this.#countAgent(left, 1);
    this.#byZone.set(agent.zone, this.inZone(agent.zone) - 1);
    this.#count -= 1;
  }

  #countAgent(tasks: number, by: 1 | -1): void {
    if (tasks > 0) this.#agentsWith[tasks] = (this.#agentsWith[tasks] ?? 0) + by;
  }
}
