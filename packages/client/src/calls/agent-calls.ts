import {
  type Agent,
  type GetAgentResponse,
  type ListAgentsResponse,
  AgentServiceService as methods,
} from '@berth/shared/gen/berth/v1/agent_service';
import type { CallOptions } from '../connection/options.js';
import { repeatable } from './job-calls.js';
import { PlacementCalls } from './placement-calls.js';

export interface DrainOptions extends CallOptions {
  /**
   * After this time everything that is left on the agent moves: also batch tasks, and beyond every disruption
   * limit. 0 means never.
   */
  readonly deadlineAfterMs?: number;
}

/** The calls of berth.v1.AgentService, in addition to those about jobs and placement. */
export class AgentCalls extends PlacementCalls {
  /** Lists all registered agents, ordered by id. */
  async listAgents(options?: CallOptions): Promise<readonly Agent[]> {
    const agents: Agent[] = [];
    let after = '';
    do {
      const page = await this.#page(after, options);
      agents.push(...page.agents);
      after = page.nextAfter;
    } while (after !== '');
    return agents;
  }

  #page(after: string, options?: CallOptions): Promise<ListAgentsResponse> {
    return this.channel.call(repeatable(methods.listAgents), { pageSize: 0, after }, options);
  }

  /** Returns one agent with its live tasks. */
  getAgent(id: string, options?: CallOptions): Promise<GetAgentResponse> {
    return this.channel.call(repeatable(methods.getAgent), { id }, options);
  }

  /** Drains the agent: it takes no more tasks, and its service tasks move to other agents. */
  async drainAgent(id: string, { deadlineAfterMs = 0, ...options }: DrainOptions = {}): Promise<Agent> {
    const { agent } = await this.channel.call(
      repeatable(methods.drainAgent),
      { id, deadlineAfterMs },
      options,
    );
    return required(agent);
  }

  /** Lets the agent take tasks again. */
  async undrainAgent(id: string, options?: CallOptions): Promise<Agent> {
    return required((await this.channel.call(repeatable(methods.undrainAgent), { id }, options)).agent);
  }
}

function required(agent: Agent | undefined): Agent {
  if (agent === undefined) throw new Error('the gateway answered without an agent');
  return agent;
}
