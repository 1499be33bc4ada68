import type { AgentInfo } from './agent-info.js';

/** The agents that have tasks of one job. */
export class JobPlacements {
  readonly #byAgent = new Map<AgentInfo, number>();
  readonly #byZone = new Map<string, number>();
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

  add(agent: AgentInfo): void {
    this.#byAgent.set(agent, this.on(agent) + 1);
    this.#byZone.set(agent.zone, this.inZone(agent.zone) + 1);
    this.#count += 1;
  }

  remove(agent: AgentInfo): void {
    const left = this.on(agent) - 1;
    if (left > 0) this.#byAgent.set(agent, left);
    else this.#byAgent.delete(agent);
    this.#byZone.set(agent.zone, this.inZone(agent.zone) - 1);
    this.#count -= 1;
  }
}
