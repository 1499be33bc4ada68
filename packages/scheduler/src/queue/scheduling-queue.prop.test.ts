import type { Resources } from '@berth/shared/gen/berth/v1/store';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { amounts, specFor } from '../testing/plain.js';
import { dominantShareOf, type GroupShares } from './dominant-share.js';
import type { QueueItem } from './queue-shard.js';
import { queueOf, queueOfShards, type SchedulingQueue } from './scheduling-queue.js';

interface TestItem extends QueueItem {
  readonly id: number;
  readonly group: string;
  readonly rank: number;
}

const groups = ['a', 'b', 'c'] as const;
const total = amounts(20, 40);
const sizes = fc.record({ cpu: fc.integer({ min: 1, max: 4 }), memory: fc.integer({ min: 1, max: 8 }) });

const specs = new Map(
  groups.flatMap((group) =>
    ['critical', 'flex'].flatMap((tier) =>
      ['0', '7'].map((priority) => {
        const labels = { 'berth.tier': tier, 'berth.priority': priority, 'berth.capacityGroup': group };
        return [`${group} ${tier} ${priority}`, specFor({ hard: {}, soft: {} }, { labels })] as const;
      }),
    ),
  ),
);

const queues = fc
  .array(
    fc.record({
      group: fc.constantFrom(...groups),
      tier: fc.constantFrom('flex', 'flex', 'critical'),
      priority: fc.constantFrom('0', '0', '7'),
      size: sizes,
    }),
    { maxLength: 24 },
  )
  .map((all) =>
    all.map(({ group, tier, priority, size }, id): TestItem => {
      const spec = specs.get(`${group} ${tier} ${priority}`);
      if (spec === undefined) throw new Error('no such spec');
      const rank = (tier === 'critical' ? 100 : 0) + Number(priority);
      return { id, group, rank, resources: amounts(size.cpu, size.memory), spec };
    }),
  );

const guarantees = fc
  .array(fc.tuple(fc.constantFrom(...groups), sizes), { maxLength: 3 })
  .map(
    (all) =>
      new Map<string, Resources>(
        all.map(([group, { cpu, memory }]) => [group, amounts(cpu * 2, memory * 2)]),
      ),
  );
const used = fc
  .array(fc.tuple(fc.constantFrom(...groups), sizes), { maxLength: 3 })
  .map(
    (all) => new Map<string, Resources>(all.map(([group, { cpu, memory }]) => [group, amounts(cpu, memory)])),
  );

/** Takes turns to the end; `gets` decides for each task if it gets an agent. */
function turns(
  scheduled: SchedulingQueue<TestItem>,
  gets: (task: TestItem) => boolean,
  see: (task: TestItem, got: boolean) => void,
) {
  for (let task = scheduled.next(); task !== undefined; task = scheduled.next()) {
    const got = gets(task);
    see(task, got);
    if (got) scheduled.notePlaced();
    else scheduled.noteUnplaced();
  }
}

/** By the definition: a group is below its guarantee if it uses less of everything that is guaranteed. */
function isBelow(use: Resources, guarantee: Resources | undefined): boolean {
  if (guarantee === undefined) return false;
  return use.cpuMillis < guarantee.cpuMillis && use.memoryMb < guarantee.memoryMb;
}

describe('the order of a queue', () => {
  it('shows everybody once, by tier and priority, and each group in its own order', () => {
    fc.assert(
      fc.property(queues, guarantees, used, fc.func(fc.boolean()), (queue, guaranteed, before, gets) => {
        const seen: TestItem[] = [];
        const scheduled = queueOf(queue, { guarantees: guaranteed, used: before, total });
        turns(scheduled, gets, (task) => seen.push(task));
        expect(seen.map(({ id }) => id).toSorted((a, b) => a - b)).toEqual(queue.map(({ id }) => id));
        expect(seen.map(({ rank }) => rank)).toEqual(queue.map(({ rank }) => rank).toSorted((a, b) => b - a));
        for (const group of groups) {
          const own = (tasks: readonly TestItem[]) => tasks.filter((task) => task.group === group);
          expect(own(seen).map(({ id }) => id)).toEqual(
            own(queue)
              .toSorted((a, b) => b.rank - a.rank)
              .map(({ id }) => id),
          );
        }
      }),
    );
  });

  it('serves nobody above its guarantee while somebody of the same rank below its own has not had its turn', () => {
    let choices = 0;
    fc.assert(
      fc.property(queues, guarantees, used, fc.func(fc.boolean()), (queue, guaranteed, before, gets) => {
        const use = new Map<string, Resources>(before);
        const left = new Set(queue);
        const scheduled = queueOf(queue, { guarantees: guaranteed, used: before, total });
        const below = ({ group }: TestItem) =>
          isBelow(use.get(group) ?? amounts(0, 0), guaranteed.get(group));
        turns(scheduled, gets, (task, got) => {
          const rivals = [...left].filter((other) => other.rank === task.rank && below(other));
          if (rivals.length > 0 && !rivals.includes(task)) expect(below(task)).toBe(true);
          if (rivals.length > 0) choices += 1;
          left.delete(task);
          const has = use.get(task.group) ?? amounts(0, 0);
          const { cpuMillis, memoryMb } = task.resources;
          if (got) use.set(task.group, amounts(has.cpuMillis + cpuMillis, has.memoryMb + memoryMb));
        });
      }),
      { numRuns: 300 },
    );
    expect(choices).toBeGreaterThan(100);
  });

  it('shares what nobody is guaranteed by the dominant resource, then by age', () => {
    const shares: GroupShares = { guarantees: new Map(), used: new Map(), total };
    fc.assert(
      fc.property(queues, (queue) => {
        const use = new Map<string, Resources>();
        const left = new Set(queue);
        turns(
          queueOf(queue, shares),
          () => true,
          (task) => {
            const share = ({ group }: TestItem) => {
              const has = use.get(group) ?? amounts(0, 0);
              return Math.max(has.cpuMillis / total.cpuMillis, has.memoryMb / total.memoryMb);
            };
            const rivals = [...left].filter(({ rank }) => rank === task.rank);
            const least = Math.min(...rivals.map(share));
            expect(share(task)).toBe(least);
            expect(task.id).toBe(
              Math.min(...rivals.filter((one) => share(one) === least).map(({ id }) => id)),
            );
            left.delete(task);
            const has = use.get(task.group) ?? amounts(0, 0);
            const { cpuMillis, memoryMb } = task.resources;
            use.set(task.group, amounts(has.cpuMillis + cpuMillis, has.memoryMb + memoryMb));
          },
        );
      }),
    );
  });

  it('is the same for tasks in shards, but that those alike to one that got nothing have no turn', () => {
    const optional = fc.option(guarantees, { nil: undefined });
    fc.assert(
      fc.property(queues, optional, fc.array(fc.nat(2), { maxLength: 24 }), (queue, guaranteed, picks) => {
        const shares = guaranteed && { guarantees: guaranteed, used: new Map(), total };
        const shardOf = (task: TestItem) => `${task.group} ${task.rank} ${picks[task.id] ?? 0}`;
        // A task gets nothing if one like it got nothing before.
        const gets = ({ id }: TestItem) => id % 3 > 0;
        const without = new Set<string>();
        const seen = (scheduled: SchedulingQueue<TestItem>, isAlike: boolean) => {
          const ids: number[] = [];
          turns(
            scheduled,
            (task) => gets(task) && !without.has(shardOf(task)),
            (task, got) => {
              if (!(isAlike && without.has(shardOf(task)))) ids.push(task.id);
              if (!got) without.add(shardOf(task));
            },
          );
          without.clear();
          return ids;
        };
        const shards = (isAlike: boolean) =>
          [...new Set(queue.map(shardOf))]
            .map((name) => queue.filter((task) => shardOf(task) === name))
            .map((tasks) => ({
              spec: tasks[0]?.spec,
              isAlike,
              tasks: tasks.map((task) => ({ task, age: task.id })),
            }));
        expect(seen(queueOfShards(shards(false), shares), false)).toEqual(
          seen(queueOf(queue, shares), false),
        );
        expect(seen(queueOfShards(shards(true), shares), true)).toEqual(seen(queueOf(queue, shares), true));
      }),
    );
  });

  it('measures what a group has beyond its guarantee against the cell', () => {
    const guarantee = amounts(10, 0);
    expect(dominantShareOf(amounts(5, 40), guarantee, total)).toEqual({ isBelow: true, share: 0.5 });
    expect(dominantShareOf(amounts(15, 10), guarantee, total)).toEqual({ isBelow: false, share: 0.25 });
  });
});
