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
  /** After this time all that is left on the agent is moved: batch tasks too, and beyond every limit. 0: never. */
  readonly deadlineAfterMs?: number;
}

/** The calls of berth.v1.AgentService, beside those about jobs and placement. */
export class AgentCalls extends PlacementCalls {
  /** All agents that are registered, in the order of their ids. */
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

  /** One agent, with the live tasks on it. */
  getAgent(id: string, options?: CallOptions): Promise<GetAgentResponse> {
    return this.channel.call(repeatable(methods.getAgent), { id }, options);
  }

  /** The agent takes no more tasks, and those of services on it are moved elsewhere. */
  async drainAgent(id: string, { deadlineAfterMs = 0, ...options }: DrainOptions = {}): Promise<Agent> {
    const { agent } = await this.channel.call(
      repeatable(methods.drainAgent),
      { id, deadlineAfterMs },
      options,
    );
    return required(agent);
  }

  /** The agent takes tasks again. */
  async undrainAgent(id: string, options?: CallOptions): Promise<Agent> {
    return required((await this.channel.call(repeatable(methods.undrainAgent), { id }, options)).agent);
  }
}

function required(agent: Agent | undefined): Agent {
  if (agent === undefined) throw new Error('the gateway answered without an agent');
  return agent;
}
