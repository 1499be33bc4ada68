import type { Resources } from '@berth/shared/gen/berth/v1/store';
import { zeroResources } from '@berth/shared/model/resources/vector';
import { describe, expect, it } from 'vitest';
import type { PlacementSpec } from '../filters/compile-spec.js';
import type { Fleet } from '../index/block-index.js';
import { amounts, fleetOf, type PlainAgent, specFor } from '../testing/plain.js';
import { explainUnplaced, isUnplaced, type PlaceOptions, place, type QueuedTask } from './place.js';

const agent = (id: string, total: Resources = amounts(4000, 4000), zone = ''): PlainAgent => ({
  id,
  attributes: { ...(zone && { zone }), serverGroup: `group-of-${id}` },
  total,
});
const task = (taskId: string, resources: Resources, spec?: PlacementSpec, jobId = 'job'): QueuedTask => ({
  taskId,
  jobId,
  resources,
  ...(spec && { spec }),
});
const tasks = (count: number, spec?: PlacementSpec, resources = amounts(100, 100)) =>
  Array.from({ length: count }, (_, index) => task(`t${index}`, resources, spec));
const hard = (constraints: Record<string, string>, expression = '') =>
  specFor({ hard: constraints, soft: {} }, {}, expression);
const soft = (constraints: Record<string, string>) => specFor({ hard: {}, soft: constraints });

/** Where each task goes, in the order in which they are placed. */
function plan(queue: readonly QueuedTask[], fleet: Fleet, options: PlaceOptions = {}): readonly string[] {
  return [...place(queue, fleet, options)].map((one) =>
    isUnplaced(one)
      ? `${one.taskId} ${explainUnplaced(one)}`
      : `${one.taskId} on ${one.agentId}${one.cards.length > 0 ? ` cards ${one.cards.join(',')}` : ''}`,
  );
}

/** Something of another job that is there already. */
function occupy(fleet: Fleet, agentId: string, resources: Resources): void {
  const slot = fleet.find(agentId);
  if (slot === undefined) throw new Error(`no agent ${agentId}`);
  const taskId = `${agentId}-${slot.bookings.size}`;
  fleet.take(slot, { taskId, jobId: 'other', resources, cards: [], isExclusive: false });
}

describe('place', () => {
  it('takes the agent that has the least room left', () => {
    const fleet = fleetOf([agent('roomy'), agent('tight'), agent('full')]);
    occupy(fleet, 'tight', amounts(2500, 2500));
    occupy(fleet, 'full', amounts(3500, 3500));
    expect(plan([task('t', amounts(1000, 100))], fleet)).toEqual(['t on tight']);
  });

  it('measures room by the biggest agent, and keeps big agents for big tasks', () => {
    const fleet = fleetOf([agent('big', amounts(100_000, 100_000)), agent('small', amounts(2000, 2000))]);
    expect(plan([task('t', amounts(1000, 1000))], fleet)).toEqual(['t on small']);
  });

  it('takes the agent with the lowest id among equals, in whatever order they come', () => {
    const agents = ['c', 'a', 'b'].map((id) => agent(id));
    expect(plan([task('t', amounts(1, 1))], fleetOf(agents))).toEqual(['t on a']);
    expect(plan([task('t', amounts(1, 1))], fleetOf(agents.toReversed()))).toEqual(['t on a']);
  });

  it('fills one agent before it takes the next', () => {
    const queue = tasks(3, undefined, amounts(2000, 100));
    expect(plan(queue, fleetOf([agent('a'), agent('b')]))).toEqual(['t0 on a', 't1 on a', 't2 on b']);
  });

  it('lets a task that fits nowhere hold up nobody', () => {
    const queue = [task('huge', amounts(9000, 1)), task('small', amounts(500, 1))];
    expect(plan(queue, fleetOf([agent('a')]))).toEqual([
      'huge waiting: too little cpu free on 1 agent',
      'small on a',
    ]);
  });

  it('looks at every resource', () => {
    const scarce = { diskMb: 10, networkMbps: 10, ports: 1, eni: 1 };
    const free = { cpuMillis: 1000, memoryMb: 1000, gpuMillis: 1000, ...scarce };
    const fleet = fleetOf([agent('a', free)]);
    for (const dimension of Object.keys(free) as (keyof typeof free)[]) {
      expect(plan([task('t', free)], fleet)).toEqual(['t on a cards 0']);
      expect(plan([task('t', { ...free, [dimension]: free[dimension] + 1 })], fleet)[0]).toMatch(
        /^t waiting: too/,
      );
    }
  });

  it('places the critical tier first, then by priority, then in the order of the queue', () => {
    const fleet = fleetOf([agent('a', amounts(1000, 1000))]);
    const labelled = (labels: Record<string, string>) => specFor({ hard: {}, soft: {} }, { labels });
    const queue = [
      task('plain', amounts(1, 1)),
      task('high', amounts(1, 1), labelled({ 'berth.priority': '7' })),
      task('critical', amounts(1, 1), labelled({ 'berth.tier': 'critical' })),
      task('higher', amounts(1, 1), labelled({ 'berth.priority': '8' })),
      task('plain-2', amounts(1, 1)),
    ];
    const placed = plan(queue, fleet).map((line) => line.split(' ')[0]);
    expect(placed).toEqual(['critical', 'higher', 'high', 'plain', 'plain-2']);
  });

  it('uses the room of tasks that are ending, and only in its plan', () => {
    const fleet = fleetOf([agent('a')]);
    occupy(fleet, 'a', amounts(4000, 4000));
    const ending = [{ taskId: 'a-0', agentId: 'a' }];
    expect(plan([task('t', amounts(1, 1))], fleet, { ending })).toEqual(['t on a']);
    expect(plan([task('t', amounts(1, 1))], fleet)[0]).toMatch(/waiting/);
  });

  it('leaves the fleet as it was, also where the plan is given up', () => {
    const fleet = fleetOf([agent('a')]);
    for (const verdict of place(tasks(5), fleet)) if (verdict.taskId === 't2') break;
    expect(fleet.find('a')?.free).toEqual(amounts(4000, 4000));
    expect(fleet.placesOf('job')).toBeUndefined();
  });

  it('sees room that comes back after a task had to wait', () => {
    const fleet = fleetOf([agent('a')]);
    occupy(fleet, 'a', amounts(4000, 4000));
    expect(plan(tasks(1), fleet)[0]).toMatch(/waiting/);
    const slot = fleet.find('a');
    if (slot !== undefined) fleet.give(slot, 'a-0');
    expect(plan(tasks(1), fleet)).toEqual(['t0 on a']);
  });
});

describe('constraints', () => {
  it('uniqueHost puts no two tasks of the job on one agent', () => {
    const fleet = fleetOf([agent('a'), agent('b')]);
    occupy(fleet, 'a', amounts(1, 1));
    expect(plan(tasks(3, hard({ uniqueHost: 'true' })), fleet)).toEqual([
      't0 on a',
      't1 on b',
      't2 waiting: a task of this job is there (uniqueHost) on 2 agents',
    ]);
  });

  it('exclusiveHost needs an empty agent and keeps everybody else off', () => {
    const fleet = fleetOf([agent('a'), agent('b')]);
    occupy(fleet, 'a', amounts(1, 1));
    const queue = [...tasks(2, hard({ exclusiveHost: 'true' })), task('late', amounts(1, 1))];
    expect(plan(queue, fleet)).toEqual([
      't0 on b',
      't1 waiting: other tasks are there (exclusiveHost) on 2 agents, kept by an exclusive task on 1 agent',
      'late on a',
    ]);
  });

  it('zoneBalance keeps the zones within one of each other', () => {
    const fleet = fleetOf([
      agent('a1', undefined, 'a'),
      agent('a2', undefined, 'a'),
      agent('b1', amounts(200, 200), 'b'),
    ]);
    expect(plan(tasks(6, hard({ zoneBalance: 'true' })), fleet)).toEqual([
      't0 on b1',
      't1 on a1',
      't2 on b1',
      't3 on a1',
      't4 on a1',
      't5 waiting: the zone has its share (zoneBalance) on 2 agents, too little cpu free on 1 agent, ' +
        'too little memory free on 1 agent',
    ]);
  });

  it('zoneBalance counts only zones that have an agent which the job could use', () => {
    const agents = [agent('a', undefined, 'a'), agent('b', amounts(50, 50), 'b'), agent('none')];
    expect(plan(tasks(3, hard({ zoneBalance: 'true' })), fleetOf(agents))).toEqual([
      't0 on a',
      't1 on a',
      't2 on a',
    ]);
  });

  it('name agents by attribute, and by host also their id', () => {
    const fleet = fleetOf([agent('a'), agent('b')]);
    expect(plan(tasks(1, hard({ host: 'b' })), fleet)).toEqual(['t0 on b']);
    expect(plan(tasks(1, hard({ serverGroup: 'x,group-of-b' })), fleet)).toEqual(['t0 on b']);
    expect(plan(tasks(1, hard({ zone: 'z' })), fleet)).toEqual([
      't0 waiting: constraint not met (zone z) on 2 agents',
    ]);
  });

  it('may be an expression; the conditions that it joins with AND are as hard as by themselves', () => {
    const fleet = fleetOf([
      agent('a', undefined, 'x'),
      agent('b', undefined, 'y'),
      agent('c', undefined, 'x'),
    ]);
    const spec = hard({}, 'exclusiveHost AND zone == "x"');
    expect(plan([...tasks(1, spec), task('other', amounts(1, 1))], fleet)).toEqual(['t0 on a', 'other on b']);
    const either = hard({}, 'uniqueHost OR zone == "x"');
    expect(plan(tasks(3, either), fleet)).toEqual(['t0 on a', 't1 on a', 't2 on a']);
    const roomy = hard({}, 'free.memoryMB > 3900 AND agent.cpu == 4');
    expect(plan(tasks(4, roomy), fleet)).toEqual([
      't0 on a',
      't1 on b',
      't2 on c',
      expect.stringMatching(/^t3 waiting/),
    ]);
  });

  it('that are soft decide before the fit, the more of them are met the better', () => {
    const fleet = fleetOf([
      agent('a', undefined, 'x'),
      agent('b', undefined, 'y'),
      agent('c', undefined, 'y'),
    ]);
    occupy(fleet, 'a', amounts(100, 100));
    expect(plan(tasks(1, soft({ zone: 'y' })), fleet)).toEqual(['t0 on b']);
    expect(plan(tasks(1, soft({ zone: 'y', host: 'c' })), fleet)).toEqual(['t0 on c']);
    expect(plan(tasks(1, soft({ zone: 'nowhere' })), fleet)).toEqual(['t0 on a']);
    expect(plan(tasks(4, soft({ uniqueHost: 'true' })), fleet)).toEqual([
      't0 on a',
      't1 on b',
      't2 on c',
      't3 on a',
    ]);
  });
});

describe('cards', () => {
  const gpu = (gpuMillis: number) => amounts(1, 1, { gpuMillis });

  it('are bins of their own: two halves make no whole', () => {
    const fleet = fleetOf([agent('a', amounts(10, 10, { gpuMillis: 2000 }))]);
    const queue = [
      task('s1', gpu(600)),
      task('s2', gpu(600)),
      task('whole', gpu(1000)),
      task('s3', gpu(400)),
    ];
    expect(plan(queue, fleet)).toEqual([
      's1 on a cards 0',
      's2 on a cards 1',
      'whole waiting: too few gpus free on 1 agent',
      's3 on a cards 0',
    ]);
  });

  it('are given whole and by number', () => {
    const fleet = fleetOf([agent('a', amounts(10, 10, { gpuMillis: 4000 }))]);
    expect(plan([task('share', gpu(10)), task('two', gpu(2000)), task('more', gpu(2000))], fleet)).toEqual([
      'share on a cards 0',
      'two on a cards 1,2',
      'more waiting: too few gpus free on 1 agent',
    ]);
  });
});

describe('policies', () => {
  it('spread takes the emptiest agent, by its own size', () => {
    const fleet = fleetOf([agent('a'), agent('b', amounts(8000, 8000))]);
    occupy(fleet, 'b', amounts(4000, 4000));
    expect(plan(tasks(2, undefined, amounts(1000, 1000)), fleet, { policy: 'spread' })).toEqual([
      't0 on a',
      't1 on a',
    ]);
    expect(plan(tasks(3, undefined, amounts(3000, 3000)), fleet, { policy: 'spread' }).slice(0, 2)).toEqual([
      't0 on a',
      't1 on b',
    ]);
  });

  it('fragmentation leaves room of use for the mix of requests that was seen', () => {
    const card = (id: string) => agent(id, amounts(8, 8, { gpuMillis: 1000 }));
    const fleet = fleetOf([card('a'), card('b')]);
    const half = zeroResources();
    for (let each = 0; each < 20; each += 1) fleet.mix.note(amounts(1, 1, { gpuMillis: 500 }));
    occupy(fleet, 'b', { ...half, gpuMillis: 300 });
    // On b, 200 thousandths would remain, of no use to anybody; a keeps room for another half.
    expect(plan([task('t', amounts(1, 1, { gpuMillis: 500 }))], fleet, { policy: 'fragmentation' })).toEqual([
      't on a cards 0',
    ]);
    expect(plan([task('t', amounts(1, 1, { gpuMillis: 500 }))], fleet)).toEqual(['t on b cards 0']);
  });

  it('is the job’s own where it names one', () => {
    const fleet = fleetOf([agent('a'), agent('b')]);
    occupy(fleet, 'a', amounts(1, 1));
    const spread: PlacementSpec = { ...hard({}), policy: 'spread', key: 'spread' };
    expect(plan([task('t', amounts(1, 1), spread), task('u', amounts(1, 1))], fleet)).toEqual([
      't on b',
      'u on a',
    ]);
  });
});

it('avoids agents on which the job failed of late, while there are others', () => {
  const fleet = fleetOf([agent('a'), agent('b', amounts(150, 150))]);
  fleet.noteFailure('job', 'b', 1000);
  const options = { failuresSinceMs: 500 };
  expect(plan(tasks(1), fleet)).toEqual(['t0 on b']);
  expect(plan(tasks(1), fleet, options)).toEqual(['t0 on a']);
  expect(plan(tasks(1), fleet, { failuresSinceMs: 2000 })).toEqual(['t0 on b']);
  expect(plan([task('t', amounts(1, 1), undefined, 'innocent')], fleet, options)).toEqual(['t on b']);
  expect(plan(tasks(2, hard({ uniqueHost: 'true' })), fleet, options)).toEqual(['t0 on a', 't1 on b']);
});

describe('the reasons of an unplaced task', () => {
  it('count the agents that lack each resource', () => {
    const fleet = fleetOf([
      agent('a', amounts(100, 50)),
      agent('b', amounts(100, 1000)),
      agent('c', amounts(1000, 50)),
    ]);
    expect(plan([task('t', amounts(500, 500))], fleet)).toEqual([
      't waiting: too little cpu free on 2 agents, too little memory free on 2 agents',
    ]);
  });

  it('say that there is no agent at all', () => {
    expect(plan([task('t', amounts(1, 1))], fleetOf([]))).toEqual(['t waiting: there is no live agent']);
  });
});
