import type { Resources } from '@berth/shared/gen/berth/v1/store';
import type { Facts } from '@berth/shared/model/expression/compile';
import type { ConditionName } from '@berth/shared/model/expression/vocabulary';
import type { AgentInfo } from '../agent/agent-info.js';
import type { FilterRequest } from '../filters/filter.js';

/**
 * An agent as expressions see it. This is a class because an object literal with a getter of its own costs
 * ten times as much to make, and searches make one for each agent.
 */
export class AgentAsFacts implements Facts {
  readonly id: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly total: Resources;
  readonly #agent: AgentInfo;
  readonly #request: FilterRequest;

  constructor(agent: AgentInfo, request: FilterRequest) {
    this.id = agent.id;
    this.attributes = agent.attributes;
    this.total = agent.total;
    this.#agent = agent;
    this.#request = request;
  }

  get free(): Resources {
    return this.#agent.free;
  }

  holds(condition: ConditionName): boolean {
    return this.#request.satisfiesCondition(condition, this.#agent);
  }
}
