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
