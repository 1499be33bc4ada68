import { fitsGpus, millisPerGpu } from '@berth/shared/model/resources/gpus';
import { amountFields, kindOf } from '@berth/shared/model/resources/kinds';
import type { AgentInfo } from '../agent/agent-info.js';
import { fitsIn } from '../agent/free-capacity.js';
import { type FilterRequest, noObstacles, type Obstacle, toFilter } from './filter.js';

/** The agent has enough of each resource. */
export const resourceFilter = toFilter({
  name: 'resources',
  dependsOn: ['tasksHere'],
  cost: 'field',
  check: (agent, { resources }) => agent.fits(resources),
  obstacles: missingResources,
  onceGone: {
    canPass: (agent, { resources }) => agent.couldFit(resources),
    check: (capacity, _agent, { resources }) => fitsIn(resources, capacity),
  },
});

function missingResources(agent: AgentInfo, { resources: request }: FilterRequest): readonly Obstacle[] {
  if (agent.fits(request)) return noObstacles;
  const { free, largestShare, wholeGpus } = agent;
  const obstacles: Obstacle[] = [];
  for (const resource of amountFields) {
    const missing = request[resource] - free[resource];
    if (missing > 0)
      obstacles.push({ reason: kindOf(resource).scarce, cause: { kind: 'resource', resource, missing } });
  }
  const { gpuMillis } = request;
  if (!fitsGpus(gpuMillis, largestShare, wholeGpus)) {
    const usable = gpuMillis < millisPerGpu ? largestShare : wholeGpus * millisPerGpu;
    const cause = { kind: 'resource', resource: 'gpuMillis', missing: gpuMillis - usable } as const;
    obstacles.push({ reason: kindOf('gpuMillis').scarce, cause });
  }
  return obstacles;
}
