import fc from 'fast-check';
import { expect, it } from 'vitest';
import { place } from '../place/place.js';
import { isUnplaced } from '../place/place-options.js';
import type { QueuedTask } from '../request/placement-request.js';
import {
  amounts,
  book,
  indexOf,
  type PlainAgent,
  type PlainJob,
  type PlainRunning,
  possible,
  specFor,
} from '../testing/plain.js';

/** How many tasks of each job may be stopped; jobs that are not named are critical. */
type Allowances = Readonly<Record<string, number>>;

const requests = fc
  .record({
    cpu: fc.integer({ min: 1, max: 4 }),
    memory: fc.integer({ min: 1, max: 4 }),
    gpuMillis: fc.constantFrom(0, 0, 0, 400, 1000),
  })
  .map(({ cpu, memory, gpuMillis }) => amounts(cpu, memory, { gpuMillis }));
const hards = fc.constantFrom(
  {},
  {},
  {},
  { exclusiveHost: 'true' },
  { uniqueHost: 'true' },
  { zone: 'a' },
  {
    zoneBalance: 'true',
  },
) as fc.Arbitrary<Readonly<Record<string, string>>>;

const hostPorts = fc.constantFrom('', '', '', '8080:80', '9090:80', '8080:1,9090:2', '8080:80/udp');

const jobs = fc
  .array(fc.record({ resources: requests, hard: hards, ports: hostPorts }), { minLength: 2, maxLength: 4 })
  .map((all) => all.map((job, index): PlainJob => ({ id: `job${index}`, soft: {}, ...job })));
const agents = fc
  .array(
    fc.record({
      zone: fc.constantFrom('a', 'b'),
      cpu: fc.integer({ min: 2, max: 8 }),
      memory: fc.integer({ min: 2, max: 8 }),
      gpus: fc.nat(2),
      isDraining: fc.constantFrom(false, false, true),
    }),
    { minLength: 1, maxLength: 3 },
  )
  .map((all) =>
    all.map(
      ({ zone, cpu, memory, gpus, isDraining }, index): PlainAgent => ({
        id: `a${index}`,
        attributes: { zone },
        total: amounts(cpu, memory, { gpuMillis: gpus * 1000 }),
        isDraining,
      }),
    ),
  );

const critical = { labels: { 'berth.tier': 'critical' } };
const asCritical = (id: string, job: PlainJob): QueuedTask => ({
  taskId: id,
  jobId: job.id,
  resources: job.resources,
  spec: specFor(job, critical),
});

/** The running tasks after tasks of the jobs were placed one after another, as far as possible. */
function settle(
  all: readonly PlainAgent[],
  ofJobs: readonly PlainJob[],
  picks: readonly number[],
): PlainRunning[] {
  const running: PlainRunning[] = [];
  for (const [index, pick] of picks.entries()) {
    const job = ofJobs[pick % ofJobs.length];
    if (job === undefined) continue;
    const open = all.map((agent) => ({ ...agent, isDraining: false }));
    const task = { taskId: `t${index}`, jobId: job.id, resources: job.resources, spec: specFor(job) };
    const [outcome] = [...place([task], indexOf(open, running))];
    if (outcome === undefined || isUnplaced(outcome)) continue;
    running.push({ id: task.taskId, job, agentId: outcome.agentId, gpus: outcome.gpus });
  }
  return running;
}

/** All sets of tasks of one agent that may be stopped, by the definition. */
function* allowedSets(
  tasks: readonly PlainRunning[],
  allowances: Allowances,
): Iterable<readonly PlainRunning[]> {
  for (let bits = 0; bits < 2 ** tasks.length; bits += 1) {
    const set = tasks.filter((_, index) => ((bits >> index) & 1) === 1);
    const isAllowed = set.every(
      ({ job }) => set.filter((other) => other.job.id === job.id).length <= (allowances[job.id] ?? 0),
    );
    if (isAllowed) yield set;
  }
}

/** The fewest tasks of one agent that have to go for a task of the job; undefined if no set of them helps. */
function fewest(
  all: readonly PlainAgent[],
  running: readonly PlainRunning[],
  { job, allowances }: { readonly job: PlainJob; readonly allowances: Allowances },
): number | undefined {
  let least: number | undefined;
  for (const agent of all) {
    const here = running.filter(({ agentId }) => agentId === agent.id);
    for (const set of allowedSets(here, allowances)) {
      if (least !== undefined && set.length >= least) continue;
      const left = running.filter((task) => !set.includes(task));
      if (possible(job, { agents: all, running: left }).some(({ id }) => id === agent.id)) least = set.length;
    }
  }
  return least;
}

it('stops as few tasks of one agent as brute force finds, all of them allowed, and exactly where any help', () => {
  let evictions = 0;
  fc.assert(
    fc.property(
      agents,
      jobs,
      fc.array(fc.nat(3), { maxLength: 12 }),
      fc.array(fc.constantFrom(0, 1, 2, Number.POSITIVE_INFINITY), { minLength: 4, maxLength: 4 }),
      (all, [wanted, ...flex], picks, limits) => {
        if (wanted === undefined) return;
        const running = settle(all, flex, picks);
        const allowances = Object.fromEntries(flex.map(({ id }, index) => [id, limits[index] ?? 0]));
        const index = indexOf(all, running);
        const preemption = {
          allowanceOf: (jobId: string) => allowances[jobId] ?? 0,
          isStopping: () => false,
          stoppingOn: [],
        };
        const [outcome] = [...place([asCritical('new', wanted)], index, { preemption })];
        const least = fewest(all, running, { job: wanted, allowances });
        if (outcome === undefined || isUnplaced(outcome)) {
          expect(least).toBeUndefined();
          return;
        }
        const { agentId, preemption: made } = outcome;
        const victims = made?.victims ?? [];
        expect(victims.length).toBe(least);
        if (made === undefined) return;
        evictions += 1;
        expect(made.awaits).toEqual(victims.map(({ taskId }) => taskId));
        const stopped = new Set(victims.map(({ taskId }) => taskId));
        const left = running.filter(({ id }) => !stopped.has(id));
        expect(possible(wanted, { agents: all, running: left }).map(({ id }) => id)).toContain(agentId);
        for (const { id } of flex) {
          const count = victims.filter(({ jobId }) => jobId === id).length;
          expect(count).toBeLessThanOrEqual(allowances[id] ?? 0);
        }
      },
    ),
    { numRuns: 1500 },
  );
  expect(evictions).toBeGreaterThan(100);
});

it('needs no victims if the stopping tasks suffice, and waits for all of them', () => {
  let handedOver = 0;
  fc.assert(
    fc.property(
      agents,
      jobs,
      fc.array(fc.nat(3), { maxLength: 12 }),
      fc.array(fc.nat(11), { maxLength: 6 }),
      (all, [wanted, ...flex], picks, stops) => {
        if (wanted === undefined) return;
        const running = settle(all, flex, picks);
        const stopping = new Set(stops.flatMap((index) => running[index]?.id ?? []));
        const preemption = {
          allowanceOf: () => 0,
          isStopping: (taskId: string) => stopping.has(taskId),
          stoppingOn: all.map(({ id }) => id),
        };
        const [outcome] = [...place([asCritical('new', wanted)], indexOf(all, running), { preemption })];
        // The same job is on the agent, or in the zone, until the stopping tasks are gone.
        if (wanted.hard.uniqueHost !== undefined || wanted.hard.zoneBalance !== undefined) return;
        const left = running.filter(({ id }) => !stopping.has(id));
        const options = possible(wanted, { agents: all, running: left }).map(({ id }) => id);
        if (outcome === undefined || isUnplaced(outcome)) {
          expect(options).toEqual([]);
          return;
        }
        expect(options).toContain(outcome.agentId);
        if (outcome.preemption === undefined) return;
        handedOver += 1;
        expect(outcome.preemption.victims).toEqual([]);
        expect(outcome.preemption.awaits).toEqual(
          running
            .filter(({ id, agentId }) => stopping.has(id) && agentId === outcome.agentId)
            .map(({ id }) => id),
        );
      },
    ),
    { numRuns: 3000 },
  );
  expect(handedOver).toBeGreaterThan(50);
});

const rounds = fc.array(
  fc.record({
    critical: fc.array(fc.nat(1), { maxLength: 4 }),
    ends: fc.array(fc.nat(11), { maxLength: 3 }),
    allowance: fc.constantFrom(0, 1, 2, 99),
    returns: fc.option(fc.nat(2), { freq: 4 }),
  }),
  { minLength: 2, maxLength: 8 },
);

it('decides the same with what it has kept of earlier rounds as with an index that is made anew', () => {
  let evictions = 0;
  fc.assert(
    fc.property(
      agents,
      jobs,
      fc.array(fc.nat(3), { maxLength: 12 }),
      rounds,
      (all, ofJobs, picks, script) => {
        const [wanted, other = wanted, ...flex] = ofJobs.toReversed();
        if (wanted === undefined || other === undefined) return;
        let running = settle(all, [...flex, { ...other, id: 'alike' }], picks);
        const kept = indexOf(all, running);
        const stopping = new Set<string>();
        for (const [round, { critical: wants, ends, allowance, returns }] of script.entries()) {
          const preemption = {
            allowanceOf: (jobId: string) => (jobId === wanted.id || jobId === other.id ? 0 : allowance),
            isStopping: (taskId: string) => stopping.has(taskId),
            stoppingOn: running.filter(({ id }) => stopping.has(id)).map(({ agentId }) => agentId),
          };
          const queue = wants.map((which, at) => asCritical(`c${round}-${at}`, which === 0 ? wanted : other));
          const outcomes = [...place(queue, kept, { preemption })];
          expect(outcomes).toEqual([...place(queue, indexOf(all, running), { preemption })]);
          for (const [at, outcome] of outcomes.entries()) {
            const job = wants[at] === 0 ? wanted : other;
            if (isUnplaced(outcome)) continue;
            const { taskId, agentId, gpus, preemption: made } = outcome;
            for (const victim of made?.victims ?? []) stopping.add(victim.taskId);
            evictions += made === undefined ? 0 : 1;
            const awaits = made?.awaits ?? [];
            running.push({ id: taskId, job, agentId, gpus, awaits });
            // A task that is critical by its booking counts like one that is critical by the rules.
            book(kept, { id: taskId, job: { ...job, isCritical: true }, agentId, gpus, awaits });
          }
          const ended = new Set(ends.map((index) => running[index]));
          for (const task of ended) {
            const found = task && kept.find(task.agentId);
            if (task !== undefined && found !== undefined) kept.give(found, task.id);
          }
          running = running.filter((task) => !ended.has(task));
          // An agent comes back with its tasks.
          const back = all[returns ?? all.length];
          if (back === undefined) continue;
          kept.addAgent(back);
          for (const task of running) if (task.agentId === back.id) book(kept, task);
        }
      },
    ),
    { numRuns: 1000 },
  );
  expect(evictions).toBeGreaterThan(100);
});
