import type { AgentInfo } from '../agent/agent-info.js';
import { capacityOnceGone } from '../agent/free-capacity.js';
import type { EquivalenceClass } from '../equivalence/equivalence-class.js';
import { Shortfall } from './shortfall.js';

const shortfall = new Shortfall();

/**
 * The number of victims that an agent needs at least: if only awaited tasks stop there, and every task but
 * critical ones may be stopped. Infinity if the agent cannot take the task.
 */
export function victimBound(agent: AgentInfo, request: EquivalenceClass): number {
  if (!request.mightPassWithVictims(agent)) return Number.POSITIVE_INFINITY;
  const { awaited } = agent;
  let tenants = agent.bookings.size;
  let exclusive = agent.exclusiveTasks;
  let hostPorts = agent.hostPorts;
  if (awaited.size === 0) shortfall.reset(request.resources, agent.free);
  else {
    const capacity = capacityOnceGone(agent, ({ taskId }) => awaited.has(taskId));
    shortfall.reset(request.resources, capacity.free);
    ({ tenants, exclusive, hostPorts } = capacity);
  }
  let stoppable = 0;
  for (const { taskId, resources, isCritical } of agent.bookings.values()) {
    if (isCritical || awaited.has(taskId)) continue;
    stoppable += 1;
    shortfall.offer(resources);
  }
  const count = Math.max(request.leastVictims({ tenants, exclusive, hostPorts }), shortfall.leastVictims());
  return count > stoppable ? Number.POSITIVE_INFINITY : count;
}
