import type { AgentInfo } from '../agent/agent-info.js';
import { noObstacles, toFilter } from './filter.js';

/** The agent takes new tasks: no operator drains it. */
export const readyFilter = toFilter({
  name: 'ready',
  dependsOn: ['agent'],
  cost: 'field',
  check: ({ isDraining }) => !isDraining,
  obstacles: ({ isDraining }) =>
    isDraining ? [{ reason: 'draining', cause: { kind: 'draining' } }] : noObstacles,
});

/** Launches of containers work on the agent, or one task may try it. */
export const launchFilter = toFilter({
  name: 'launches',
  dependsOn: ['agent', 'tasksHere'],
  cost: 'field',
  check: isLaunchable,
  obstacles: (agent) =>
    isLaunchable(agent) ? noObstacles : [{ reason: avoidedReason, cause: { kind: 'avoided' } }],
});

/** The reason of an agent that fails launches. */
export const avoidedReason = 'avoided, since its launches fail';

function isLaunchable({ avoidance, launching }: AgentInfo): boolean {
  return avoidance === undefined || (avoidance.isOnTrial && launching === 0);
}

/** The agent has not refused a task of the job lately. */
export const refusalFilter = toFilter({
  name: 'refusals',
  dependsOn: ['job'],
  cost: 'lookup',
  appliesTo: ({ refusedBy }) => refusedBy !== undefined,
  check: ({ id }, { refusedBy }) => refusedBy?.has(id) !== true,
  obstacles: ({ id }, { refusedBy }) =>
    refusedBy?.has(id) === true
      ? [{ reason: 'it refused a task of this job lately', cause: { kind: 'refused' } }]
      : noObstacles,
});

/** No task on the agent keeps all others off. */
export const tenantFilter = toFilter({
  name: 'exclusiveTenant',
  dependsOn: ['tasksHere'],
  cost: 'field',
  check: ({ exclusiveTasks }) => exclusiveTasks === 0,
  obstacles: ({ exclusiveTasks }) =>
    exclusiveTasks > 0
      ? [{ reason: 'kept by an exclusive task', cause: { kind: 'exclusiveTenant' } }]
      : noObstacles,
  onceGone: {
    check: ({ exclusive }) => exclusive === 0,
    leastVictims: ({ exclusive }) => Math.min(exclusive, 1),
  },
});
