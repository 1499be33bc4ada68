import { zeroResources } from '@berth/shared/model/resources';
import { describe, expect, it } from 'vitest';
import { type AgentCapacity, explainUnplaced, isUnplaced, place, type Placement, type QueuedTask, type Unplaced } from './place.js';

const amounts = (cpuMillis: number, memoryMb: number) => ({ ...zeroResources(), cpuMillis, memoryMb });
const agent = (id: string, cpu: number, memory = 1000, total = amounts(4000, 4000)): AgentCapacity => ({
  id,
  total,
  free: amounts(cpu, memory),
});
const task = (taskId: string, cpu: number, memory = 100): QueuedTask => ({ taskId, jobId: 'job', resources: amounts(cpu, memory) });

function verdicts(queue: readonly QueuedTask[], agents: readonly AgentCapacity[]) {
  const all = [...place(queue, agents)];
  return {
    placed: all.filter((one): one is Placement => !isUnplaced(one)).map(({ taskId, agentId }) => `${taskId} on ${agentId}`),
    unplaced: all.filter((one): one is Unplaced => isUnplaced(one)),
  };
}

describe('place', () => {
  it('takes the agent that is left with the least', () => {
    const { placed } = verdicts([task('t', 1000)], [agent('roomy', 4000), agent('tight', 1500), agent('full', 500)]);
    expect(placed).toEqual(['t on tight']);
  });

  it('measures what is left as a share of what the agent has', () => {
    const big = agent('big', 3000, 3000, amounts(100_000, 100_000));
    const small = agent('small', 2000, 2000, amounts(2000, 2000));
    expect(verdicts([task('t', 1000, 1000)], [small, big]).placed).toEqual(['t on big']);
  });

  it('takes the agent with the lowest id among equals, in whatever order they come', () => {
    const agents = ['c', 'a', 'b'].map((id) => agent(id, 2000));
    expect(verdicts([task('t', 1000)], agents).placed).toEqual(['t on a']);
    expect(verdicts([task('t', 1000)], agents.toReversed()).placed).toEqual(['t on a']);
  });

  it('fills one agent before it takes the next', () => {
    const queue = ['1', '2', '3'].map((id) => task(id, 1000));
    expect(verdicts(queue, [agent('a', 2000), agent('b', 2000)]).placed).toEqual(['1 on a', '2 on a', '3 on b']);
  });

  it('notices that another shape has made a better agent', () => {
    // "small" goes to a at first; "large", which fits only on b, makes b the fuller of the two.
    const queue = [task('small-1', 100), task('large', 2500), task('small-2', 100)];
    expect(verdicts(queue, [agent('a', 2000), agent('b', 3000)]).placed).toEqual(['small-1 on a', 'large on b', 'small-2 on b']);
  });

  it('places tasks in their order', () => {
    expect(verdicts([task('first', 1000), task('second', 1000)], [agent('a', 1000)]).placed).toEqual(['first on a']);
  });

  it('lets a task that fits nowhere hold up nobody', () => {
    const { placed, unplaced } = verdicts([task('huge', 9000), task('small', 500)], [agent('a', 1000)]);
    expect(placed).toEqual(['small on a']);
    expect(unplaced.map(({ taskId }) => taskId)).toEqual(['huge']);
  });

  it('looks at every resource', () => {
    const free = { cpuMillis: 1000, memoryMb: 1000, diskMb: 10, networkMbps: 10, gpuMillis: 1000, ports: 1 };
    const agents: AgentCapacity[] = [{ id: 'a', total: free, free }];
    for (const dimension of Object.keys(free) as (keyof typeof free)[]) {
      const exact: QueuedTask = { taskId: 't', jobId: 'job', resources: free };
      const more: QueuedTask = { ...exact, resources: { ...free, [dimension]: free[dimension] + 1 } };
      expect(verdicts([exact], agents).placed).toEqual(['t on a']);
      expect(verdicts([more], agents).placed).toEqual([]);
    }
  });
});

describe('the reasons of an unplaced task', () => {
  it('count the agents that lack each resource', () => {
    const agents = [agent('a', 100, 50), agent('b', 100, 1000), agent('c', 1000, 50)];
    const [one] = verdicts([task('t', 500, 500)], agents).unplaced;
    expect(one && explainUnplaced(one)).toBe('waiting: too little cpu free on 2 agents, too little memory free on 2 agents');
  });

  it('count what tasks before it have taken', () => {
    const [one] = verdicts([task('t1', 1000), task('t2', 1000)], [agent('a', 1500)]).unplaced;
    expect(one && explainUnplaced(one)).toBe('waiting: too little cpu free on 1 agent');
  });

  it('say that there is no agent at all', () => {
    const [one] = verdicts([task('t', 1)], []).unplaced;
    expect(one && explainUnplaced(one)).toBe('waiting: there is no live agent');
  });
});
