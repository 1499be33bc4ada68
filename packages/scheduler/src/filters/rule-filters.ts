import type { Facts } from '@berth/shared/model/expression/compile';
import type { AgentRule } from '../request/placement-spec.js';
import { type Obstacle, toFilter } from './filter.js';

/**
 * The agent's attributes and size satisfy the job: `host`, `zone`, `serverGroup`, any other attribute, fixed
 * rules.
 */
export const attributeFilter = toFilter({
  name: 'attributes',
  dependsOn: ['agent'],
  cost: 'rules',
  appliesTo: ({ spec }) => spec.fixedRules.length > 0,
  check: (agent, request) => holdAll(request.spec.fixedRules, request.factsOf(agent)),
  obstacles: (agent, request) => broken(request.spec.fixedRules, request.factsOf(agent)),
});

/**
 * The parts of the job's expression that depend on running tasks hold. The conditions that they name add
 * dependencies of their own: `compile-spec.ts` derives those.
 */
export const expressionFilter = toFilter({
  name: 'expression',
  dependsOn: ['tasksHere'],
  cost: 'rules',
  appliesTo: ({ spec }) => spec.changingRules.length > 0,
  check: (agent, request) => holdAll(request.spec.changingRules, request.factsOf(agent)),
  obstacles: (agent, request) => broken(request.spec.changingRules, request.factsOf(agent)),
  onceGone: {
    check: (capacity, agent, request) => {
      const { id, attributes, total } = agent;
      return holdAll(request.spec.changingRules, {
        id,
        attributes,
        total,
        free: capacity.free,
        holds: (condition) => request.satisfiesConditionIn(capacity, condition, agent),
      });
    },
  },
});

function holdAll(rules: readonly AgentRule[], facts: Facts): boolean {
  for (const { holds } of rules) if (!holds(facts)) return false;
  return true;
}

function broken(rules: readonly AgentRule[], facts: Facts): readonly Obstacle[] {
  return rules
    .filter(({ holds }) => !holds(facts))
    .map(({ name }) => ({
      reason: `constraint not met (${name})`,
      cause: { kind: 'rule', rule: name } as const,
    }));
}
