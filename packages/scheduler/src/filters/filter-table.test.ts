import { type ConditionName, conditionNames } from '@berth/shared/model/expression/vocabulary';
import { describe, expect, it } from 'vitest';
import { explain } from '../explain/explain.js';
import type { AgentIndex } from '../index/agent-index.js';
import { BlockIndex } from '../index/block-index.js';
import { CapacityProbe } from '../place/capacity-probe.js';
import { place } from '../place/place.js';
import { explainUnplaced, isUnplaced, type PlaceOptions } from '../place/place-options.js';
import { planTasks } from '../plan/plan.js';
import type { QueuedTask } from '../request/placement-request.js';
import { anywhere, type PlacementSpec } from '../request/placement-spec.js';
import { amounts } from '../testing/plain.js';
import { PlainIndex } from '../testing/plain-index.js';
import { constraintTraits } from './compile-spec.js';
import { type ConditionRow, conditionRows } from './condition-filters.js';
import { FilterTable } from './filter-table.js';

/** A condition that only this test knows: at most two tasks of the job in one rack. */
const maxPerRack: ConditionRow = {
  reason: 'the rack has two tasks of this job (maxPerRack)',
  dependsOn: ['job', 'tasksElsewhere'],
  cost: 'lookup',
  check: ({ attributes: { rack } }, { placements }) => {
    let inRack = 0;
    for (const [agent, count] of placements?.agents() ?? [])
      if (agent.attributes.rack === rack) inRack += count;
    return inRack < 2;
  },
};

/** One that depends on the agent alone: its result is cached. */
const onFlash: ConditionRow = {
  reason: 'its disk is no flash (onFlash)',
  dependsOn: ['agent'],
  cost: 'lookup',
  check: ({ attributes }) => attributes.disk === 'flash',
};

const table = new FilterTable({ ...conditionRows, maxPerRack, onFlash });

/** The spec of a job with this hard condition, as the compiler would derive it from the table. */
function specWith(name: string, more: Partial<PlacementSpec> = {}): PlacementSpec {
  const conditions = new Set([name as ConditionName]);
  const soft = { conditions: new Set<ConditionName>(), attributes: [] };
  const traits = constraintTraits({ conditions, changing: [], soft }, table);
  return { ...anywhere, ...traits, key: name, ...more };
}

const tasks = (count: number, spec: PlacementSpec, jobId = 'job'): readonly QueuedTask[] =>
  Array.from({ length: count }, (_, at) => ({
    taskId: `${jobId}-${at}`,
    jobId,
    resources: amounts(100, 100),
    spec,
  }));

function indexWith(index: AgentIndex): AgentIndex {
  for (const [id, rack, disk] of [
    ['a', '1', 'flash'],
    ['b', '1', 'slow'],
    ['c', '2', 'slow'],
  ] as const)
    index.addAgent({ id, attributes: { rack, disk }, total: amounts(1000, 1000) });
  return index;
}

const plan = (queue: readonly QueuedTask[], index: AgentIndex, options: PlaceOptions = {}) =>
  [...place(queue, index, options)].map((one) => (isUnplaced(one) ? explainUnplaced(one) : one.agentId));

describe.each([
  ['the index of blocks', () => indexWith(new BlockIndex(table))],
  ['the plain index', () => indexWith(new PlainIndex(table))],
])('a new row of the table of conditions, on %s', (_, make) => {
  it('is enforced by placement, which says its reason', () => {
    expect(plan(tasks(5, specWith('maxPerRack')), make())).toEqual([
      'a',
      'a',
      'c',
      'c',
      'waiting: the rack has two tasks of this job (maxPerRack) on 3 agents',
    ]);
    expect(plan(tasks(11, specWith('onFlash')), make()).slice(9)).toEqual([
      'a',
      'waiting: too little cpu free on 1 agent (asks 0.1; at most 0 is free there; the largest agent has 1), ' +
        'too little memory free on 1 agent (asks 100 MB; at most 0 MB is free there; the largest agent has 1000 MB), ' +
        'its disk is no flash (onFlash) on 2 agents',
    ]);
  });

  it('is judged for each job by itself', () => {
    const index = make();
    const spec = specWith('maxPerRack');
    expect(plan([...tasks(2, spec), ...tasks(2, spec, 'other')], index)).toEqual(['a', 'a', 'a', 'a']);
  });

  it('is enforced by preemption', () => {
    const index = make();
    for (const agent of index.agents())
      index.take(agent, {
        taskId: `flex-${agent.id}`,
        jobId: 'flex',
        resources: amounts(1000, 1000),
        gpus: [],
        isExclusive: false,
      });
    const preemption = { allowanceOf: () => 9, isStopping: () => false, stoppingOn: [] };
    const critical = (name: string) => specWith(name, { tier: 'critical' });
    expect(plan(tasks(5, critical('maxPerRack')), index, { preemption })).toEqual([
      'a',
      'a',
      'c',
      'c',
      expect.stringMatching(/maxPerRack/),
    ]);
    const onAgents = plan(tasks(11, critical('onFlash')), index, { preemption });
    expect(new Set(onAgents.slice(0, 10))).toEqual(new Set(['a']));
    expect(onAgents[10]).toMatch(/onFlash/);
  });

  it('is enforced by migration', () => {
    const index = make();
    const probe = new CapacityProbe(index, {});
    const found = tasks(5, specWith('maxPerRack')).map((task) => probe.reserve({ ...task, agentId: 'gone' }));
    probe.close();
    expect(found).toEqual([true, true, true, true, false]);
  });

  it('is explained, with the remedy to do without it', () => {
    const index = make();
    const queue = tasks(4, specWith('maxPerRack'));
    for (const one of [...place(queue, index)]) {
      const agent = isUnplaced(one) ? undefined : index.find(one.agentId);
      if (agent === undefined) continue;
      const { taskId } = one;
      index.take(agent, { taskId, jobId: 'job', resources: amounts(100, 100), gpus: [], isExclusive: false });
    }
    const [next] = tasks(1, specWith('maxPerRack'));
    if (next === undefined) throw new Error('there is a task');
    const { reasons, remedies } = explain({ ...next, taskId: 'next' }, index);
    expect(reasons.map(({ reason, agents }) => [reason, agents])).toEqual([[maxPerRack.reason, 3]]);
    expect(remedies).toContainEqual({ kind: 'without', constraint: 'maxPerRack', agents: 3 });
    expect(planTasks([{ ...next, taskId: 'next' }], index)[0]?.explanation?.reasons).toEqual(reasons);
  });
});

it('has a row for every condition of the vocabulary', () => {
  expect(Object.keys(conditionRows).toSorted()).toEqual([...conditionNames].toSorted());
});
