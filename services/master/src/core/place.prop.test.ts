import type { Resources } from '@berth/shared/gen/berth/v1/store';
import { addResources, fits, subtractResources, zeroResources } from '@berth/shared/model/resources';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AgentCapacity, isUnplaced, place, type Placement, type QueuedTask } from './place.js';

const amounts = (max: number) =>
  fc.record({
    cpuMillis: fc.integer({ min: 1, max }),
    memoryMb: fc.integer({ min: 1, max }),
    diskMb: fc.integer({ min: 0, max: 2 }),
    networkMbps: fc.constant(0),
    gpuMillis: fc.integer({ min: 0, max: 1 }),
    ports: fc.integer({ min: 0, max: 2 }),
  });

// Few different shapes, so that tasks share verdicts.
const queues = fc
  .tuple(fc.array(amounts(6), { minLength: 1, maxLength: 4 }), fc.array(fc.nat(3), { maxLength: 40 }))
  .map(([shapes, picks]): readonly QueuedTask[] =>
    picks.map((pick, index) => ({ taskId: `t${index}`, jobId: 'job', resources: shapes[pick % shapes.length] ?? zeroResources() })),
  );

const fleets = fc.array(fc.tuple(amounts(20), amounts(8)), { maxLength: 12 }).map((agents): readonly AgentCapacity[] =>
  agents.map(([total, used], index) => ({ id: `a${index}`, total, free: subtractResources(total, used) })),
);

function usedBy(placements: readonly Placement[], queue: readonly QueuedTask[]): ReadonlyMap<string, Resources> {
  const used = new Map<string, Resources>();
  for (const { taskId, agentId } of placements) {
    const { resources } = queue.find((task) => task.taskId === taskId) ?? { resources: zeroResources() };
    used.set(agentId, addResources(used.get(agentId) ?? zeroResources(), resources));
  }
  return used;
}

/** The same rule, said plainly: look at every agent for every task. */
function placePlainly(queue: readonly QueuedTask[], agents: readonly AgentCapacity[]): readonly string[] {
  const free = new Map(agents.map((agent) => [agent.id, agent.free]));
  return queue.map(({ taskId, resources }) => {
    const left = (agent: AgentCapacity) => {
      const after = subtractResources(free.get(agent.id) ?? agent.free, resources);
      return after.cpuMillis / (agent.total.cpuMillis || 1) + after.memoryMb / (agent.total.memoryMb || 1);
    };
    const fitting = agents.filter((agent) => fits(resources, free.get(agent.id) ?? agent.free));
    const [best] = fitting.toSorted((a, b) => left(a) - left(b) || (a.id < b.id ? -1 : 1));
    if (best === undefined) return `${taskId} waits`;
    free.set(best.id, subtractResources(free.get(best.id) ?? best.free, resources));
    return `${taskId} on ${best.id}`;
  });
}

describe('place', () => {
  it('never gives an agent more than it has free', () => {
    fc.assert(
      fc.property(queues, fleets, (queue, agents) => {
        const placements = [...place(queue, agents)].filter((one): one is Placement => !isUnplaced(one));
        const used = usedBy(placements, queue);
        for (const { id, free } of agents) {
          const taken = used.get(id);
          if (taken !== undefined) expect(fits(taken, free)).toBe(true);
        }
      }),
    );
  });

  it('leaves no task waiting that would still fit somewhere', () => {
    fc.assert(
      fc.property(queues, fleets, (queue, agents) => {
        const all = [...place(queue, agents)];
        const used = usedBy(all.filter((one): one is Placement => !isUnplaced(one)), queue);
        const waiting = new Set(all.filter(isUnplaced).map(({ taskId }) => taskId));
        for (const { taskId, resources } of queue) {
          if (!waiting.has(taskId)) continue;
          const hosts = agents.filter(({ id, free }) => fits(resources, subtractResources(free, used.get(id) ?? zeroResources())));
          expect(hosts).toEqual([]);
        }
      }),
    );
  });

  it('gives one verdict on each task, the same as looking at every agent for every task', () => {
    fc.assert(
      fc.property(queues, fleets, (queue, agents) => {
        const told = [...place(queue, agents)].map((one) => (isUnplaced(one) ? `${one.taskId} waits` : `${one.taskId} on ${one.agentId}`));
        expect(told).toEqual(placePlainly(queue, agents));
      }),
      { numRuns: 500 },
    );
  });

  it('leaves its arguments as they were', () => {
    fc.assert(
      fc.property(queues, fleets, (queue, agents) => {
        const before = structuredClone({ queue, agents });
        expect([...place(queue, agents)]).toHaveLength(queue.length);
        expect({ queue, agents }).toEqual(before);
      }),
    );
  });
});
