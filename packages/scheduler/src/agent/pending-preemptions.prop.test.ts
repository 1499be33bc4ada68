import type { Resources } from '@berth/shared/gen/berth/v1/store';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AgentIndex } from '../index/agent-index.js';
import { BlockIndex } from '../index/block-index.js';

import { place } from '../place/place.js';
import { isUnplaced } from '../place/place-options.js';
import { amounts, specFor } from '../testing/plain.js';
import type { AgentInfo } from './agent-info.js';
import type { Booking } from './booking.js';

const agent = {
  id: 'a',
  attributes: {},
  total: amounts(8, 8, { gpuMillis: 2000, ports: 3, diskMb: 4, networkMbps: 4, eni: 2 }),
};

const requests = fc
  .record({
    cpu: fc.integer({ min: 1, max: 4 }),
    memory: fc.integer({ min: 1, max: 4 }),
    gpuMillis: fc.constantFrom(0, 0, 400, 1000, 2000),
    ports: fc.nat(2),
    eni: fc.nat(1),
  })
  .map(({ cpu, memory, ...more }) => amounts(cpu, memory, more));

type Event =
  | {
      readonly is: 'place';
      readonly tier: 'flex' | 'critical';
      readonly resources: Resources;
      readonly isExclusive: boolean;
    }
  | { readonly is: 'stop' | 'end'; readonly pick: number }
  | { readonly is: 'rebuild'; readonly seed: number };

const event: fc.Arbitrary<Event> = fc.oneof(
  fc.record({
    is: fc.constant('place' as const),
    tier: fc.constantFrom('flex', 'critical'),
    resources: requests,
    isExclusive: fc.constantFrom(false, false, false, true),
  }),
  fc.record({ is: fc.constantFrom('stop', 'end'), pick: fc.nat(20) }),
  fc.record({ is: fc.constant('rebuild' as const), seed: fc.nat(1000) }),
);

/** The counts of an agent. */
const counted = ({ free, gpus, exclusiveTasks, awaited }: AgentInfo) => ({
  free: { ...free },
  gpus: [...gpus],
  exclusiveTasks,
  awaited: new Set(awaited),
});

/** The tasks that can run at the same time: one set for each set of victims that may have ended. */
function* timesOf(bookings: readonly Booking[]): Iterable<readonly Booking[]> {
  const live = new Set(bookings.map(({ taskId }) => taskId));
  const awaited = [...new Set(bookings.flatMap(({ awaits = [] }) => awaits))].filter((id) => live.has(id));
  for (let bits = 0; bits < 2 ** awaited.length; bits += 1) {
    const gone = new Set(awaited.filter((_, index) => ((bits >> index) & 1) === 1));
    const isHere = (id: string) => live.has(id) && !gone.has(id);
    yield bookings.filter(({ taskId, awaits = [] }) => isHere(taskId) && !awaits.some(isHere));
  }
}

const kinds = ['cpuMillis', 'memoryMb', 'diskMb', 'networkMbps', 'ports', 'eni'] as const;

/** The least that is free of each resource and each gpu at any time to come, if nobody else comes. */
function leastFree(bookings: readonly Booking[]) {
  const free: Resources = { ...agent.total };
  const gpus = [1000, 1000];
  for (const running of timesOf(bookings)) {
    for (const kind of kinds)
      free[kind] = Math.min(
        free[kind],
        running.reduce((left, task) => left - task.resources[kind], agent.total[kind]),
      );
    for (const gpu of gpus.keys()) {
      const here = running.filter((task) => task.gpus.includes(gpu));
      const left = here.reduce((sum, { resources }) => sum - Math.min(resources.gpuMillis, 1000), 1000);
      gpus[gpu] = Math.min(gpus[gpu] ?? 0, left);
    }
  }
  return { free: { ...free, gpuMillis: gpus.reduce((sum, each) => sum + each, 0) }, gpus };
}

/** The same, in an order that the number decides. */
function shuffled<T>(all: readonly T[], seed: number): readonly T[] {
  const keyed = all.map((each, index) => ({ each, key: (index * 7919 + seed * 104_729) % 1009 }));
  return keyed.sort((a, b) => a.key - b.key).map(({ each }) => each);
}

describe('the capacity of pending preemptions', () => {
  it('is counted by the most that can be held at any one time, never beyond the agent, in whatever order it is booked', () => {
    let handedOver = 0;
    let shared = 0;
    fc.assert(
      fc.property(fc.array(event, { minLength: 20, maxLength: 40 }), (events) => {
        let index: AgentIndex = new BlockIndex();
        index.addAgent(agent);
        const stopping = new Set<string>();
        const agentNow = () => index.find('a') ?? expect.fail('the agent is there');
        const bookings = () => [...agentNow().bookings.values()];
        for (const [step, one] of events.entries()) {
          if (one.is === 'place') {
            const { tier, resources, isExclusive } = one;
            const hard = isExclusive ? { exclusiveHost: 'true' } : {};
            const spec = specFor({ hard, soft: {} }, { labels: { 'berth.tier': tier } });
            const task = { taskId: `t${step}`, jobId: `${tier}-${step}`, resources, spec };
            const preemption = {
              allowanceOf: (jobId: string) => (jobId.startsWith('flex') ? 1 : 0),
              isStopping: (taskId: string) => stopping.has(taskId),
              stoppingOn: ['a'],
            };
            const [outcome] = [...place([task], index, { preemption })];
            if (outcome === undefined || isUnplaced(outcome)) continue;
            const { gpus, preemption: made } = outcome;
            for (const { taskId } of made?.victims ?? []) stopping.add(taskId);
            const awaits = made?.awaits ?? [];
            handedOver += awaits.length > 0 ? 1 : 0;
            shared += agentNow().awaited.size > 0 && awaits.length > 0 ? 1 : 0;
            index.take(agentNow(), { ...task, gpus, isExclusive, isCritical: tier === 'critical', awaits });
          } else if (one.is === 'rebuild') {
            const before = counted(agentNow());
            const again = new BlockIndex();
            const found = again.addAgent(agent);
            for (const booking of shuffled(bookings(), one.seed)) again.take(found, booking);
            expect(counted(found)).toEqual(before);
            index = again;
          } else {
            const picked = bookings()[one.pick % (bookings().length || 1)];
            if (picked === undefined) continue;
            stopping.add(picked.taskId);
            // A preemptor that ends while it waits was ordered to stop, and never begins.
            if (one.is === 'end') index.give(agentNow(), picked.taskId);
          }
          const { free, gpus } = leastFree(bookings());
          expect(counted(agentNow())).toMatchObject({ free, gpus });
          for (const kind of kinds) expect(free[kind]).toBeGreaterThanOrEqual(0);
          for (const gpu of gpus) expect(gpu).toBeGreaterThanOrEqual(0);
          for (const running of timesOf(bookings())) {
            const isKept = running.some((task) => task.isExclusive);
            if (isKept) expect(running.length).toBe(1);
          }
        }
      }),
      { numRuns: 1000 },
    );
    expect(handedOver).toBeGreaterThan(200);
    expect(shared).toBeGreaterThan(20);
  });
});
