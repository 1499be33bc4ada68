import type { AgentInfo } from '../agent/agent-info.js';
import type { EquivalenceClass } from '../equivalence/equivalence-class.js';
import type { Preference } from '../request/placement-spec.js';

/** True if the agent satisfies the preference of a task of the class. */
export function satisfies(agent: AgentInfo, preference: Preference, request: EquivalenceClass): boolean {
  return 'condition' in preference
    ? request.satisfiesCondition(preference.condition, agent)
    : preference.holds(request.factsOf(agent));
}

/** The number of preferences that the agent satisfies. */
export function countSatisfied(
  agent: AgentInfo,
  preferences: readonly Preference[],
  request: EquivalenceClass,
): number {
  let count = 0;
  for (const preference of preferences) if (satisfies(agent, preference, request)) count += 1;
  return count;
}

/** The preference for agents without a recent failure of the job. */
export function avoiding(failedOn: ReadonlySet<string>): Preference {
  return { name: 'no recent failure', holds: ({ id }) => !failedOn.has(id) };
}
