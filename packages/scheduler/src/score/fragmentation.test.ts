import { Constraints, Container, JobDescriptor } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { describe, expect, it } from 'vitest';
import { type PlacementSpec, specOf } from '../filters/compile-spec.js';
import { Fleet } from '../index/block-index.js';
import { isUnplaced, place, type QueuedTask } from '../place/place.js';
import { amounts } from '../testing/plain.js';

interface Host {
  readonly cpu: number;
  readonly cards: number;
  readonly model?: string;
}

function fleetOf(hosts: Readonly<Record<string, Host>>): Fleet {
  const fleet = new Fleet();
  for (const [id, { cpu, cards, model = 'A' }] of Object.entries(hosts))
    fleet.addAgent({
      id,
      attributes: { gpuModel: model },
      total: amounts(cpu, 100, { gpuMillis: cards * 1000 }),
    });
  return fleet;
}

function asking(cpu: number, gpuMillis: number, spec?: PlacementSpec): Omit<QueuedTask, 'taskId'> {
  return { jobId: 'job', resources: amounts(cpu, 1, { gpuMillis }), ...(spec && { spec }) };
}

function ofModel(model: string): PlacementSpec {
  const hardConstraints = Constraints.create({ constraints: { gpuModel: model } });
  return specOf(
    JobDescriptor.fromPartial({ containers: { main: Container.fromPartial({ hardConstraints }) } }),
  );
}

const policy = 'fragmentation';

/** Lets the cell see what is usually asked for, and leaves it as it was. */
function see(fleet: Fleet, task: Omit<QueuedTask, 'taskId'>, times = 20): void {
  const tasks = Array.from({ length: times }, (_, each) => ({ ...task, taskId: `seen${each}` }));
  expect([...place(tasks, fleet, { policy })]).toHaveLength(times);
}

function agentFor(fleet: Fleet, task: Omit<QueuedTask, 'taskId'>): string | undefined {
  const [verdict] = [...place([{ ...task, taskId: 't' }], fleet, { policy })];
  return verdict === undefined || isUnplaced(verdict) ? undefined : verdict.agentId;
}

describe('fragmentation', () => {
  it('keeps the cpu of hosts whose cards need it for tasks that want cards', () => {
    const fleet = fleetOf({ scarce: { cpu: 8, cards: 4 }, plenty: { cpu: 40, cards: 4 } });
    see(fleet, asking(2, 1000));
    expect(agentFor(fleet, asking(4, 0))).toBe('plenty');
  });

  it('takes cards that the usual requests may not use before those that they may', () => {
    const fleet = fleetOf({
      wanted: { cpu: 16, cards: 2, model: 'A' },
      other: { cpu: 16, cards: 2, model: 'B' },
    });
    see(fleet, asking(1, 1000, ofModel('A')));
    expect(agentFor(fleet, asking(1, 1000))).toBe('other');
  });

  it('gives a share of the card that has just this left before it breaks a whole one', () => {
    const fleet = fleetOf({ a: { cpu: 16, cards: 2 } });
    see(fleet, asking(1, 1000));
    const slot = fleet.find('a');
    if (slot === undefined) throw new Error('the agent is there');
    const { resources } = asking(1, 700);
    fleet.take(slot, { taskId: 'first', jobId: 'job', resources, cards: [1], isExclusive: false });
    const [verdict] = [...place([{ ...asking(1, 300), taskId: 't' }], fleet, { policy })];
    expect(verdict).toMatchObject({ agentId: 'a', cards: [1] });
  });
});
