import type { Resources } from '@berth/shared/gen/berth/v1/store';
import { JobDescriptor } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { fitPolicies } from '@berth/shared/model/job/placement-preferences';
import { zeroResources } from '@berth/shared/model/resources/vector';
import { describe, expect, it } from 'vitest';
import { explain } from '../explain/explain.js';
import { specOf } from '../filters/compile-spec.js';
import type { AgentIndex } from '../index/agent-index.js';
import { planTasks } from '../plan/plan.js';
import type { QueuedTask } from '../request/placement-request.js';
import type { PlacementSpec } from '../request/placement-spec.js';
import { amounts, indexOf, type PlainAgent, specFor } from '../testing/plain.js';
import { CapacityProbe } from './capacity-probe.js';
import { place } from './place.js';
import { explainUnplaced, isUnplaced, type PlaceOptions } from './place-options.js';

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

/** The agent of each task, in the order of placement. */
function plan(
  queue: readonly QueuedTask[],
  index: AgentIndex,
  options: PlaceOptions = {},
): readonly string[] {
  return [...place(queue, index, options)].map((one) =>
    isUnplaced(one)
      ? `${one.taskId} ${explainUnplaced(one)}`
      : `${one.taskId} on ${one.agentId}${one.gpus.length > 0 ? ` gpus ${one.gpus.join(',')}` : ''}`,
  );
}

/** Something of another job that is there already. */
function occupy(index: AgentIndex, agentId: string, resources: Resources): void {
  const found = index.find(agentId);
  if (found === undefined) throw new Error(`no agent ${agentId}`);
  const taskId = `${agentId}-${found.bookings.size}`;
  index.take(found, { taskId, jobId: 'other', resources, gpus: [], isExclusive: false });
}

describe('place', () => {
  it('takes the agent that has the least room left', () => {
    const index = indexOf([agent('roomy'), agent('tight'), agent('full')]);
    occupy(index, 'tight', amounts(2500, 2500));
    occupy(index, 'full', amounts(3500, 3500));
    expect(plan([task('t', amounts(1000, 100))], index)).toEqual(['t on tight']);
  });

  it('measures room by the biggest agent, and keeps big agents for big tasks', () => {
    const index = indexOf([agent('big', amounts(100_000, 100_000)), agent('small', amounts(2000, 2000))]);
    expect(plan([task('t', amounts(1000, 1000))], index)).toEqual(['t on small']);
  });

  it('takes the agent with the lowest id among equals, in whatever order they come', () => {
    const agents = ['c', 'a', 'b'].map((id) => agent(id));
    expect(plan([task('t', amounts(1, 1))], indexOf(agents))).toEqual(['t on a']);
    expect(plan([task('t', amounts(1, 1))], indexOf(agents.toReversed()))).toEqual(['t on a']);
  });

  it('fills one agent before it takes the next', () => {
    const queue = tasks(3, undefined, amounts(2000, 100));
    expect(plan(queue, indexOf([agent('a'), agent('b')]))).toEqual(['t0 on a', 't1 on a', 't2 on b']);
  });

  it('lets a task that fits nowhere hold up nobody', () => {
    const queue = [task('huge', amounts(9000, 1)), task('small', amounts(500, 1))];
    expect(plan(queue, indexOf([agent('a')]))).toEqual([
      'huge waiting: too little cpu free on 1 agent (asks 9; the largest agent has 4: it never fits)',
      'small on a',
    ]);
  });

  it('looks at every resource', () => {
    const scarce = { diskMb: 10, networkMbps: 10, ports: 1, eni: 1 };
    const free = { cpuMillis: 1000, memoryMb: 1000, gpuMillis: 1000, ...scarce };
    const index = indexOf([agent('a', free)]);
    for (const dimension of Object.keys(free) as (keyof typeof free)[]) {
      expect(plan([task('t', free)], index)).toEqual(['t on a gpus 0']);
      expect(plan([task('t', { ...free, [dimension]: free[dimension] + 1 })], index)[0]).toMatch(
        /^t waiting: too/,
      );
    }
  });

  it('places the critical tier first, then by priority, then in the order of the queue', () => {
    const index = indexOf([agent('a', amounts(1000, 1000))]);
    const labelled = (labels: Record<string, string>) => specFor({ hard: {}, soft: {} }, { labels });
    const queue = [
      task('plain', amounts(1, 1)),
      task('high', amounts(1, 1), labelled({ 'berth.priority': '7' })),
      task('critical', amounts(1, 1), labelled({ 'berth.tier': 'critical' })),
      task('higher', amounts(1, 1), labelled({ 'berth.priority': '8' })),
      task('plain-2', amounts(1, 1)),
    ];
    const placed = plan(queue, index).map((line) => line.split(' ')[0]);
    expect(placed).toEqual(['critical', 'higher', 'high', 'plain', 'plain-2']);
  });

  it('uses the room of tasks that are ending, and only in its plan', () => {
    const index = indexOf([agent('a')]);
    occupy(index, 'a', amounts(4000, 4000));
    const ending = [{ taskId: 'a-0', agentId: 'a' }];
    expect(plan([task('t', amounts(1, 1))], index, { ending })).toEqual(['t on a']);
    expect(plan([task('t', amounts(1, 1))], index)[0]).toMatch(/waiting/);
  });

  it('leaves the index as it was, also where the plan is given up', () => {
    const index = indexOf([agent('a')]);
    for (const outcome of place(tasks(5), index)) if (outcome.taskId === 't2') break;
    expect(index.find('a')?.free).toEqual(amounts(4000, 4000));
    expect(index.placementsOf('job')).toBeUndefined();
  });

  it('sees room that comes back after a task had to wait', () => {
    const index = indexOf([agent('a')]);
    occupy(index, 'a', amounts(4000, 4000));
    expect(plan(tasks(1), index)[0]).toMatch(/waiting/);
    const found = index.find('a');
    if (found !== undefined) index.give(found, 'a-0');
    expect(plan(tasks(1), index)).toEqual(['t0 on a']);
  });
});

describe('constraints', () => {
  it('uniqueHost puts no two tasks of the job on one agent', () => {
    const index = indexOf([agent('a'), agent('b')]);
    occupy(index, 'a', amounts(1, 1));
    expect(plan(tasks(3, hard({ uniqueHost: 'true' })), index)).toEqual([
      't0 on a',
      't1 on b',
      't2 waiting: a task of this job is there (uniqueHost) on 2 agents',
    ]);
  });

  it('exclusiveHost needs an empty agent and keeps everybody else off', () => {
    const index = indexOf([agent('a'), agent('b')]);
    occupy(index, 'a', amounts(1, 1));
    const queue = [...tasks(2, hard({ exclusiveHost: 'true' })), task('late', amounts(1, 1))];
    expect(plan(queue, index)).toEqual([
      't0 on b',
      't1 waiting: other tasks are there (exclusiveHost) on 2 agents, kept by an exclusive task on 1 agent',
      'late on a',
    ]);
  });

  it('zoneBalance keeps the zones within one of each other', () => {
    const index = indexOf([
      agent('a1', undefined, 'a'),
      agent('a2', undefined, 'a'),
      agent('b1', amounts(200, 200), 'b'),
    ]);
    expect(plan(tasks(6, hard({ zoneBalance: 'true' })), index)).toEqual([
      't0 on b1',
      't1 on a1',
      't2 on b1',
      't3 on a1',
      't4 on a1',
      't5 waiting: the zone has its share (zoneBalance) on 2 agents, too little cpu free on 1 agent ' +
        '(asks 0.1; at most 0 is free there; the largest agent has 4), ' +
        'too little memory free on 1 agent (asks 100 MB; at most 0 MB is free there; the largest agent has 4000 MB)',
    ]);
  });

  it('zoneBalance counts only zones that have an agent which the job could use', () => {
    const agents = [agent('a', undefined, 'a'), agent('b', amounts(50, 50), 'b'), agent('none')];
    expect(plan(tasks(3, hard({ zoneBalance: 'true' })), indexOf(agents))).toEqual([
      't0 on a',
      't1 on a',
      't2 on a',
    ]);
  });

  it('name agents by attribute, and by host also their id', () => {
    const index = indexOf([agent('a'), agent('b')]);
    expect(plan(tasks(1, hard({ host: 'b' })), index)).toEqual(['t0 on b']);
    expect(plan(tasks(1, hard({ serverGroup: 'x,group-of-b' })), index)).toEqual(['t0 on b']);
    expect(plan(tasks(1, hard({ zone: 'z' })), index)).toEqual([
      't0 waiting: constraint not met (zone z) on 2 agents',
    ]);
  });

  it('may be an expression; the conditions that it joins with AND are as hard as by themselves', () => {
    const index = indexOf([
      agent('a', undefined, 'x'),
      agent('b', undefined, 'y'),
      agent('c', undefined, 'x'),
    ]);
    const spec = hard({}, 'exclusiveHost AND zone == "x"');
    expect(plan([...tasks(1, spec), task('other', amounts(1, 1))], index)).toEqual(['t0 on a', 'other on b']);
    const either = hard({}, 'uniqueHost OR zone == "x"');
    expect(plan(tasks(3, either), index)).toEqual(['t0 on a', 't1 on a', 't2 on a']);
    const roomy = hard({}, 'free.memoryMB > 3900 AND agent.cpu == 4');
    expect(plan(tasks(4, roomy), index)).toEqual([
      't0 on a',
      't1 on b',
      't2 on c',
      expect.stringMatching(/^t3 waiting/),
    ]);
  });

  it('that are soft decide before the fit, the more of them are met the better', () => {
    const index = indexOf([
      agent('a', undefined, 'x'),
      agent('b', undefined, 'y'),
      agent('c', undefined, 'y'),
    ]);
    occupy(index, 'a', amounts(100, 100));
    expect(plan(tasks(1, soft({ zone: 'y' })), index)).toEqual(['t0 on b']);
    expect(plan(tasks(1, soft({ zone: 'y', host: 'c' })), index)).toEqual(['t0 on c']);
    expect(plan(tasks(1, soft({ zone: 'nowhere' })), index)).toEqual(['t0 on a']);
    expect(plan(tasks(4, soft({ uniqueHost: 'true' })), index)).toEqual([
      't0 on a',
      't1 on b',
      't2 on c',
      't3 on a',
    ]);
  });
});

describe('gpus', () => {
  const gpu = (gpuMillis: number) => amounts(1, 1, { gpuMillis });

  it('are bins of their own: two halves make no whole', () => {
    const index = indexOf([agent('a', amounts(10, 10, { gpuMillis: 2000 }))]);
    const queue = [
      task('s1', gpu(600)),
      task('s2', gpu(600)),
      task('whole', gpu(1000)),
      task('s3', gpu(400)),
    ];
    expect(plan(queue, index)).toEqual([
      's1 on a gpus 0',
      's2 on a gpus 1',
      'whole waiting: too few gpus free on 1 agent (asks 1; at most 0 is free there; the largest agent has 2)',
      's3 on a gpus 0',
    ]);
  });

  it('are given whole and by number', () => {
    const index = indexOf([agent('a', amounts(10, 10, { gpuMillis: 4000 }))]);
    expect(plan([task('share', gpu(10)), task('two', gpu(2000)), task('more', gpu(2000))], index)).toEqual([
      'share on a gpus 0',
      'two on a gpus 1,2',
      'more waiting: too few gpus free on 1 agent (asks 2; at most 1 is free there; the largest agent has 4)',
    ]);
  });
});

describe('policies', () => {
  it('spread takes the emptiest agent, by its own size', () => {
    const index = indexOf([agent('a'), agent('b', amounts(8000, 8000))]);
    occupy(index, 'b', amounts(4000, 4000));
    expect(plan(tasks(2, undefined, amounts(1000, 1000)), index, { policy: 'spread' })).toEqual([
      't0 on a',
      't1 on a',
    ]);
    expect(plan(tasks(3, undefined, amounts(3000, 3000)), index, { policy: 'spread' }).slice(0, 2)).toEqual([
      't0 on a',
      't1 on b',
    ]);
  });

  it('fragmentation leaves room of use for the mix of requests that was seen', () => {
    const gpu = (id: string) => agent(id, amounts(8, 8, { gpuMillis: 1000 }));
    const index = indexOf([gpu('a'), gpu('b')]);
    const half = zeroResources();
    for (let each = 0; each < 20; each += 1)
      index.scorers.fragmentation.profile.note(amounts(1, 1, { gpuMillis: 500 }));
    occupy(index, 'b', { ...half, gpuMillis: 300 });
    // On b, 200 thousandths would remain, of no use to anybody; a keeps room for another half.
    expect(plan([task('t', amounts(1, 1, { gpuMillis: 500 }))], index, { policy: 'fragmentation' })).toEqual([
      't on a gpus 0',
    ]);
    expect(plan([task('t', amounts(1, 1, { gpuMillis: 500 }))], index)).toEqual(['t on b gpus 0']);
  });

  it('is the job’s own where it names one', () => {
    const index = indexOf([agent('a'), agent('b')]);
    occupy(index, 'a', amounts(1, 1));
    const spread: PlacementSpec = { ...hard({}), policy: 'spread', key: 'spread' };
    expect(plan([task('t', amounts(1, 1), spread), task('u', amounts(1, 1))], index)).toEqual([
      't on b',
      'u on a',
    ]);
  });
});

it('avoids agents on which the job failed of late, while there are others', () => {
  const index = indexOf([agent('a'), agent('b', amounts(150, 150))]);
  index.failures.note('job', 'b', 1000);
  const options = { failuresSinceMs: 500 };
  expect(plan(tasks(1), index)).toEqual(['t0 on b']);
  expect(plan(tasks(1), index, options)).toEqual(['t0 on a']);
  expect(plan(tasks(1), index, { failuresSinceMs: 2000 })).toEqual(['t0 on b']);
  expect(plan([task('t', amounts(1, 1), undefined, 'innocent')], index, options)).toEqual(['t on b']);
  expect(plan(tasks(2, hard({ uniqueHost: 'true' })), index, options)).toEqual(['t0 on a', 't1 on b']);
});

describe('a port of the host that is chosen by number', () => {
  const portSpec = (ports: string, parameters: Record<string, string> = {}) =>
    specOf(JobDescriptor.fromPartial({ containers: { main: { resources: { ports }, parameters } } }));
  const [small, web] = [amounts(100, 100), portSpec('8080:80')];

  it('is given to one task of an agent, and the reason names the tasks that have it', () => {
    const index = indexOf(['a', 'b', 'c', 'd'].map((id) => agent(id)));
    const queue = [...tasks(4, web), task('late', small, portSpec('8080:1'), 'late')];
    expect(plan(queue, index)).toEqual([
      't0 on a',
      't1 on b',
      't2 on c',
      't3 on d',
      'late waiting: port 8080/tcp is taken on 4 agents by t0, t1, t2 and 1 other task',
    ]);
  });

  it('is another port for another protocol, and for a job that leaves the choice to the engine', () => {
    const index = indexOf([agent('a')]);
    const queue = [
      task('tcp', small, web),
      task('udp', small, portSpec('8080:80/udp'), 'udp'),
      task('any', small, portSpec('8080'), 'any'),
      task('both', small, portSpec('53:53/udp,8080:53'), 'both'),
    ];
    expect(plan(queue, index)).toEqual([
      'tcp on a',
      'udp on a',
      'any on a',
      'both waiting: port 8080/tcp is taken on 1 agent by tcp',
    ]);
  });

  it("is every port of a container on the host's network, the one of its metrics included", () => {
    const host = portSpec('8080', { network: 'host', 'berth.metrics.port': '9100' });
    const index = indexOf([agent('a')]);
    const queue = [
      task('host', small, host),
      task('web', small, web, 'web'),
      task('page', small, portSpec('9100:1'), 'page'),
    ];
    expect(plan(queue, index)).toEqual([
      'host on a',
      'web waiting: port 8080/tcp is taken on 1 agent by host',
      'page waiting: port 9100/tcp is taken on 1 agent by host',
    ]);
  });

  it('is planned, explained and freed like a resource', () => {
    const index = indexOf([agent('a'), agent('b')]);
    const planned = planTasks(tasks(3, web), index).map((one) => one.agentId ?? one.explanation);
    expect(planned).toMatchObject([
      'a',
      'b',
      { reasons: [{ reason: 'port 8080/tcp is taken', agents: 2, takenBy: 't0 and t1' }] },
    ]);
    const [found] = [...index.agents()];
    const held = { taskId: 'x', jobId: 'x', resources: small, gpus: [], isExclusive: false };
    if (found !== undefined) index.take(found, { ...held, hostPorts: ['8080/tcp'] });
    expect(plan(tasks(1, web), index)).toEqual(['t0 on b']);
    const only = indexOf([agent('a')]);
    const first = only.find('a');
    if (first !== undefined) only.take(first, { ...held, hostPorts: ['8080/tcp'] });
    expect(explain(task('t', small, web), only).remedies).toEqual([
      { kind: 'without', constraint: 'port 8080/tcp', agents: 1 },
      { kind: 'ends', taskIds: ['x'], tasks: 1, agents: 1 },
    ]);
    if (first !== undefined) only.give(first, 'x');
    expect(plan(tasks(1, web), only)).toEqual(['t0 on a']);
  });

  it('is taken from a flex task by a critical one, which waits for it', () => {
    const index = indexOf([agent('a')]);
    const found = index.find('a');
    const flex = { jobId: 'flex', resources: small, gpus: [], isExclusive: false };
    if (found !== undefined) {
      index.take(found, { ...flex, taskId: 'other' });
      index.take(found, { ...flex, taskId: 'holder', hostPorts: ['8080/tcp'] });
    }
    const preemption = { allowanceOf: () => 9, isStopping: () => false, stoppingOn: [] };
    const critical = { ...web, tier: 'critical' } as const;
    const [placed] = [...place(tasks(2, critical), index, { preemption })];
    expect(placed).toMatchObject({ agentId: 'a', preemption: { awaits: ['holder'] } });
  });

  it('is free where a moving task goes', () => {
    const index = indexOf([agent('a'), agent('b')]);
    for (const [id, port] of [
      ['a', '8080/tcp'],
      ['b', '8080/tcp'],
    ] as const) {
      const found = index.find(id);
      const held = { taskId: `on-${id}`, jobId: 'job', resources: small, gpus: [], isExclusive: false };
      if (found !== undefined) index.take(found, { ...held, hostPorts: [port] });
    }
    const probe = new CapacityProbe(index, {});
    expect(probe.reserve({ ...task('on-a', small, web), agentId: 'a' })).toBe(false);
    const other = portSpec('9090:80');
    expect(probe.reserve({ ...task('on-a', small, other), agentId: 'a' })).toBe(true);
    expect(probe.reserve({ ...task('on-a', small, other), agentId: 'a' })).toBe(false);
    probe.close();
  });
});

describe('the tasks of a service', () => {
  const serviceSpec = (parameters: Record<string, string> = {}, soft: Record<string, string> = {}) =>
    specOf(
      JobDescriptor.fromPartial({
        containers: { main: { parameters, softConstraints: { constraints: soft } } },
        jobSpec: { $case: 'service', value: {} },
      }),
    );
  const three = () => indexOf(['a', 'b', 'c'].map((id) => agent(id)));
  const onto = (queue: readonly QueuedTask[], index: AgentIndex, options: PlaceOptions = {}) =>
    plan(queue, index, options).map((line) => line.split(' on ')[1]);

  it.each(fitPolicies)('go to agents without one of the job first, then by the fit policy %s', (policy) => {
    const index = three();
    occupy(index, 'c', amounts(1000, 1000));
    expect(onto(tasks(6, serviceSpec()), index, { policy }).slice(0, 3).toSorted()).toEqual(['a', 'b', 'c']);
    expect(onto(tasks(6, serviceSpec()), index, { policy }).slice(3).toSorted()).toEqual(['a', 'b', 'c']);
    if (policy !== 'spread') expect(onto(tasks(4, serviceSpec()), index, { policy })[3]).toBe('c');
  });

  it('take the zones in turn as long as each agent has the same number', () => {
    const zones = { a1: 'a', a2: 'a', a3: 'a', b1: 'b' };
    const index = indexOf(Object.entries(zones).map(([id, zone]) => agent(id, undefined, zone)));
    expect(onto(tasks(5, serviceSpec()), index)).toEqual(['a1', 'b1', 'a2', 'a3', 'b1']);
  });

  it('run where they can if there is only one agent', () => {
    expect(onto(tasks(3, serviceSpec()), indexOf([agent('a')]))).toEqual(['a', 'a', 'a']);
  });

  it('follow the soft constraints of the job before the spread', () => {
    const index = indexOf([
      agent('a', undefined, 'x'),
      agent('b', undefined, 'y'),
      agent('c', undefined, 'y'),
    ]);
    expect(onto(tasks(3, serviceSpec({}, { zone: 'y' })), index)).toEqual(['b', 'c', 'b']);
    expect(onto(tasks(3, serviceSpec({}, { zone: 'y', host: 'c' })), index)).toEqual(['c', 'c', 'c']);
  });

  it('fill one agent if the job says so, as those of batch jobs do', () => {
    for (const spec of [
      serviceSpec({ 'berth.spread': 'false' }),
      serviceSpec({ 'berth.fitPolicy': 'binpack' }),
      specFor({ hard: {}, soft: {} }),
    ])
      expect(onto(tasks(3, spec), three())).toEqual(['a', 'a', 'a']);
    const both = serviceSpec({ 'berth.fitPolicy': 'binpack', 'berth.spread': 'true' });
    expect(onto(tasks(3, both), three())).toEqual(['a', 'b', 'c']);
  });

  it('keep away from those that run already, and from agents where the job has failed', () => {
    const index = three();
    const found = index.find('a');
    const running = { taskId: 'r', jobId: 'job', resources: amounts(1, 1), gpus: [], isExclusive: false };
    if (found !== undefined) index.take(found, running);
    expect(onto(tasks(1, serviceSpec()), index)).toEqual(['b']);
    index.failures.note('job', 'b', 5);
    expect(onto(tasks(3, serviceSpec()), index, { failuresSinceMs: 1 })).toEqual(['c', 'c', 'a']);
  });
});

describe('the reasons of an unplaced task', () => {
  it('count the agents that lack each resource', () => {
    const index = indexOf([
      agent('a', amounts(100, 50)),
      agent('b', amounts(100, 1000)),
      agent('c', amounts(1000, 50)),
    ]);
    expect(plan([task('t', amounts(500, 500))], index)).toEqual([
      't waiting: too little cpu free on 2 agents (asks 0.5; at most 0.1 is free there; the largest agent has 1), ' +
        'too little memory free on 2 agents (asks 500 MB; at most 50 MB is free there; the largest agent has 1000 MB)',
    ]);
  });

  it('say that there is no agent at all', () => {
    expect(plan([task('t', amounts(1, 1))], indexOf([]))).toEqual(['t waiting: there is no live agent']);
  });
});
