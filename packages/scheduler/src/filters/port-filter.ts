import type { AgentInfo } from '../agent/agent-info.js';
import { holdsAny } from '../agent/held-ports.js';
import { type FilterRequest, noObstacles, type Obstacle, toFilter } from './filter.js';

/** No other task of the agent holds a port of the host that the task needs by number. */
export const portFilter = toFilter({
  name: 'hostPorts',
  dependsOn: ['tasksHere'],
  cost: 'lookup',
  appliesTo: ({ spec }) => spec.hostPorts.length > 0,
  check: ({ hostPorts }, { spec }) => !holdsAny(hostPorts, spec.hostPorts),
  obstacles: takenPorts,
  onceGone: {
    check: ({ hostPorts }, _agent, { spec }) => !holdsAny(hostPorts, spec.hostPorts),
    leastVictims: ({ hostPorts }, { spec }) => (holdsAny(hostPorts, spec.hostPorts) ? 1 : 0),
  },
});

function takenPorts({ hostPorts, bookings }: AgentInfo, { spec }: FilterRequest): readonly Obstacle[] {
  if (!holdsAny(hostPorts, spec.hostPorts)) return noObstacles;
  return spec.hostPorts
    .filter((port) => hostPorts.has(port))
    .map((port) => ({
      reason: `port ${port} is taken`,
      holders: [...bookings.values()]
        .filter((booking) => booking.hostPorts?.includes(port))
        .map(({ taskId }) => taskId),
      cause: { kind: 'port', port },
    }));
}
