import { fitPolicies } from '@berth/shared/model/job/placement-preferences';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { AgentFacts } from '../agent/agent-info.js';
import { place } from '../place/place.js';
import { isUnplaced, type Placement } from '../place/place-options.js';
import type { QueuedTask } from '../request/placement-request.js';
import { amounts, specFor } from '../testing/plain.js';
import { PlainIndex } from '../testing/plain-index.js';
import type { AgentIndex } from './agent-index.js';
import { BlockIndex } from './block-index.js';

const conditions = ['uniqueHost', 'exclusiveHost', 'zoneBalance'];
const constraints = fc
  .array(fc.constantFrom(...conditions.map((name) => [name, 'true']), ['zone', 'a,b'], ['rack', '1']), {
    maxLength: 2,
  })
  .map((entries) => Object.fromEntries(entries) as Record<string, string>);
const someConstraints = fc.oneof(
  { weight: 2, arbitrary: fc.constant<Record<string, string>>({}) },
  { weight: 1, arbitrary: constraints },
);
const expressions = fc.constantFrom(
  ...Array<string>(8).fill(''),
  'uniqueHost OR zone == "a"',
  'free.cpu > 0.002',
  'zoneBalance OR rack == "2"',
  'NOT exclusiveHost',
);

const jobs = fc.array(
  fc
    .record({
      cpu: fc.integer({ min: 1, max: 4 }),
      memory: fc.integer({ min: 1, max: 4 }),
      gpuMillis: fc.constantFrom(0, 0, 0, 0, 0, 400, 1000, 2000),
      hard: someConstraints,
      soft: someConstraints,
      expression: expressions,
      tier: fc.constantFrom('flex', 'critical'),
      ports: fc.constantFrom('', '', '', '8080:80', '9090:80', '8080:1,9090:2'),
      spreads: fc.boolean(),
    })
    .map(({ cpu, memory, gpuMillis, hard, soft, expression, tier, ports, spreads }) => {
      const preferred = Object.entries(soft).filter(([name]) => !Object.hasOwn(hard, name));
      const spec = specFor(
        { hard, soft: Object.fromEntries(preferred), ports, spreads },
        { labels: { 'berth.tier': tier } },
        expression,
      );
      return { resources: amounts(cpu, memory, { gpuMillis }), spec };
    }),
  { minLength: 2, maxLength: 4 },
);

const cells = fc.array(
  fc.record({
    zone: fc.constantFrom('a', 'b', 'c', undefined),
    rack: fc.constantFrom('1', '2'),
    cpu: fc.integer({ min: 3, max: 8 }),
    memory: fc.integer({ min: 3, max: 8 }),
    gpus: fc.constantFrom(0, 0, 1, 2),
    isDraining: fc.constantFrom(false, false, false, true),
  }),
  { minLength: 1, maxLength: 5 },
);

const rounds = fc.array(
  fc.record({
    picks: fc.array(fc.nat(3), { minLength: 4, maxLength: 12 }),
    policy: fc.constantFrom(...fitPolicies),
    allowance: fc.constantFrom(0, 1, 9),
    preempts: fc.constantFrom(true, true, false),
    ends: fc.array(fc.nat(20), { maxLength: 3 }),
    fails: fc.array(fc.nat(20), { maxLength: 2 }),
    refuses: fc.array(fc.nat(20), { maxLength: 1 }),
    leaves: fc.constantFrom(null, null, null, null, 0, 1, 2),
    returns: fc.constantFrom(null, 0, 1, 2, 3),
  }),
  { minLength: 2, maxLength: 6 },
);

interface RunningTask {
  readonly task: QueuedTask;
  readonly placement: Placement;
}

/** Books a placement as the master does once it is committed. */
function book(index: AgentIndex, { task, placement }: RunningTask): void {
  const agent = index.find(placement.agentId);
  if (agent === undefined || task.spec === undefined) return;
  const { taskId, jobId, resources, spec } = task;
  const { gpus, preemption } = placement;
  const awaits = preemption?.awaits ?? [];
  const { isExclusive, hostPorts } = spec;
  index.take(agent, {
    taskId,
    jobId,
    resources,
    gpus,
    isExclusive,
    isCritical: spec.tier === 'critical',
    hostPorts,
    awaits,
  });
}

it('gives the plans of the plain index, whatever it keeps from search to search and from plan to plan', () => {
  let placed = 0;
  let preempted = 0;
  fc.assert(
    fc.property(cells, jobs, rounds, (agents, ofJobs, script) => {
      const facts = agents.map(
        ({ zone, rack, cpu, memory, gpus, isDraining }, number): AgentFacts => ({
          id: `a${number}`,
          attributes: { rack, ...(zone === undefined ? {} : { zone }) },
          total: amounts(cpu, memory, { gpuMillis: gpus * 1000 }),
          isDraining,
        }),
      );
      const both: readonly AgentIndex[] = [new BlockIndex(), new PlainIndex()];
      for (const index of both) for (const each of facts) index.addAgent(each);
      let running: readonly RunningTask[] = [];
      const stopping = new Set<string>();
      for (const [round, step] of script.entries()) {
        const { picks, policy, allowance, preempts, ends, fails, refuses, leaves, returns } = step;
        const wanted = round === 0 ? Array.from({ length: 24 }, (_, at) => at) : picks;
        const queue = wanted.flatMap((pick, at): readonly QueuedTask[] => {
          const number = pick % ofJobs.length;
          const job = ofJobs[number];
          // The first round has flex tasks only: otherwise critical ones would fill the cell.
          if (job === undefined || (round === 0 && job.spec.tier === 'critical')) return [];
          return [{ taskId: `t${round}-${at}`, jobId: `job${number}`, ...job }];
        });
        const preemption = {
          allowanceOf: () => allowance,
          isStopping: (taskId: string) => stopping.has(taskId),
          stoppingOn: running
            .filter(({ task }) => stopping.has(task.taskId))
            .map((one) => one.placement.agentId),
        };
        const options = { policy, failuresSinceMs: round - 1, refusalsSinceMs: round - 1 };
        const [plan = [], plain] = both.map((index) => [
          ...place(queue, index, preempts ? { ...options, preemption } : options),
        ]);
        // Reasons are counted once for tasks that are alike, and the plain index knows no classes.
        const decisions = (results = plan) => results.map((one) => (isUnplaced(one) ? one.taskId : one));
        expect(decisions()).toEqual(decisions(plain));
        for (const [at, result] of plan.entries()) {
          const task = queue.find(({ taskId }) => taskId === result.taskId);
          // A round may carry out only a part of its plan. Preemptors are carried out, since their victims
          // stop.
          if (isUnplaced(result) || task === undefined || (at % 3 === 2 && result.preemption === undefined))
            continue;
          placed += 1;
          if (result.preemption !== undefined) preempted += 1;
          for (const { taskId } of result.preemption?.victims ?? []) stopping.add(taskId);
          const one = { task, placement: result };
          running = [...running, one];
          for (const index of both) book(index, one);
        }
        const picked = (numbers: readonly number[]) =>
          numbers.flatMap((number) => running[number % (running.length || 1)] ?? []);
        const failed = picked(fails);
        const refused = picked(refuses);
        const ended = new Set([...picked(ends), ...failed, ...refused]);
        const lost = leaves === null ? undefined : facts[leaves % facts.length];
        const back = returns === null ? undefined : facts[returns % facts.length];
        running = running.filter((one) => !ended.has(one));
        for (const index of both) {
          for (const { task, placement } of ended) {
            const agent = index.find(placement.agentId);
            if (agent !== undefined) index.give(agent, task.taskId);
          }
          for (const { task, placement } of failed) index.failures.note(task.jobId, placement.agentId, round);
          for (const { task, placement } of refused)
            index.refusals.note(task.jobId, placement.agentId, round);
          if (lost !== undefined) index.removeAgent(lost.id);
        }
        if (lost !== undefined) running = running.filter(({ placement }) => placement.agentId !== lost.id);
        if (back === undefined) continue;
        for (const index of both) {
          index.addAgent(back);
          for (const one of running) if (one.placement.agentId === back.id) book(index, one);
        }
      }
    }),
    { numRuns: 600 },
  );
  expect(placed).toBeGreaterThan(200);
  expect(preempted).toBeGreaterThan(20);
});
