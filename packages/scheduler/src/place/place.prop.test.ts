import { fitPolicies } from '@berth/shared/model/job/placement-preferences';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AgentIndex } from '../index/agent-index.js';
import type { QueuedTask } from '../request/placement-request.js';
import {
  amounts,
  book,
  crowd,
  freeGpus,
  freeOf,
  hostPortsOn,
  indexOf,
  met,
  type PlainAgent,
  type PlainCell,
  type PlainJob,
  type PlainRunning,
  type PlainTask,
  possible,
  roominess,
  specFor,
} from '../testing/plain.js';
import { place } from './place.js';
import { isUnplaced, type Placement } from './place-options.js';

const requests = fc
  .record({
    cpu: fc.integer({ min: 1, max: 4 }),
    memory: fc.integer({ min: 1, max: 4 }),
    gpuMillis: fc.constantFrom(0, 0, 0, 300, 600, 1000, 2000),
    ports: fc.nat(1),
  })
  .map(({ cpu, memory, gpuMillis, ports }) => amounts(cpu, memory, { gpuMillis, ports }));

const conditions = fc
  .constantFrom('uniqueHost', 'exclusiveHost', 'zoneBalance')
  .map((name) => [name, 'true'] as const);
const values = fc.constantFrom(['zone', 'a'], ['zone', 'a,b'], ['host', 'a1'], ['rack', '1']) as fc.Arbitrary<
  readonly [string, string]
>;
const constraintMaps = fc.array(
  fc.oneof({ weight: 2, arbitrary: conditions }, { weight: 1, arbitrary: values }),
  {
    maxLength: 2,
  },
);

const hostPorts = fc.constantFrom('', '', '', '8080:80', '8080:53/udp', '8080:1,9090:2', '9090:9090');

const jobs = fc
  .array(
    fc.record({
      resources: requests,
      hard: constraintMaps,
      soft: constraintMaps,
      ports: hostPorts,
      spreads: fc.boolean(),
    }),
    {
      minLength: 1,
      maxLength: 4,
    },
  )
  .map((all) =>
    all.map(({ hard, soft, ...job }, index): PlainJob => {
      const must = Object.fromEntries(hard);
      const should = Object.fromEntries(soft.filter(([name]) => !Object.hasOwn(must, name)));
      return { ...job, id: `job${index}`, hard: must, soft: should };
    }),
  );

const cells = fc
  .array(
    fc.record({
      zone: fc.constantFrom('a', 'b', 'c', undefined),
      rack: fc.constantFrom('1', '2'),
      cpu: fc.integer({ min: 1, max: 8 }),
      memory: fc.integer({ min: 1, max: 8 }),
      gpus: fc.constantFrom(0, 0, 1, 2, 3),
    }),
    { maxLength: 7 },
  )
  .map((all) =>
    all.map(({ zone, rack, cpu, memory, gpus }, index): PlainAgent => {
      const attributes = { rack, ...(zone === undefined ? {} : { zone }) };
      return {
        id: `a${index}`,
        attributes,
        total: amounts(cpu, memory, { gpuMillis: gpus * 1000, ports: 2 }),
      };
    }),
  );

const queueOf = (tasks: readonly PlainTask[]): readonly QueuedTask[] =>
  tasks.map(({ id, job }) => ({ taskId: id, jobId: job.id, resources: job.resources, spec: specFor(job) }));

const snapshot = (index: AgentIndex) =>
  [...index.agents()].map(({ id, free, gpus, bookings, exclusiveTasks }) => ({
    id,
    free: { ...free },
    gpus: [...gpus],
    tasks: [...bookings.keys()].sort(),
    exclusiveTasks,
  }));

/** A step in the life of a cell. */
type Step =
  | { readonly kind: 'queue'; readonly job: number; readonly count: number }
  | { readonly kind: 'round'; readonly policy: (typeof fitPolicies)[number]; readonly take: number }
  | { readonly kind: 'end'; readonly task: number }
  | { readonly kind: 'lose' | 'return' | 'drain' | 'undrain'; readonly agent: number }
  | { readonly kind: 'refuse'; readonly task: number };

const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant('queue' as const), job: fc.nat(3), count: fc.integer({ min: 1, max: 5 }) }),
    fc.record({
      kind: fc.constant('round' as const),
      policy: fc.constantFrom(...fitPolicies),
      take: fc.integer({ min: 1, max: 12 }),
    }),
    fc.record({ kind: fc.constant('end' as const), task: fc.nat(20) }),
    fc.record({ kind: fc.constant('refuse' as const), task: fc.nat(20) }),
    fc.record({
      kind: fc.constantFrom('lose' as const, 'return' as const, 'drain' as const, 'undrain' as const),
      agent: fc.nat(6),
    }),
  ),
  { maxLength: 25 },
);

/** A refusal counts for so many rounds. */
const refusalRounds = 2;

/** A cell that lives through steps. Each decision is held against the definitions. */
class Life {
  readonly #all: readonly PlainAgent[];
  readonly #jobs: readonly PlainJob[];
  readonly #index: AgentIndex;
  agents: PlainAgent[];
  running: PlainRunning[] = [];
  queue: PlainTask[] = [];
  #count = 0;
  #round = 0;
  /** By `JOB AGENT`, the round of the last refusal. */
  readonly #refusals = new Map<string, number>();

  constructor(agents: readonly PlainAgent[], ofJobs: readonly PlainJob[]) {
    this.#all = agents;
    this.#jobs = ofJobs;
    this.agents = [...agents];
    this.#index = indexOf(agents);
  }

  live(step: Step): void {
    switch (step.kind) {
      case 'queue': {
        const job = this.#jobs[step.job % this.#jobs.length];
        for (let each = 0; job !== undefined && each < step.count; each += 1) {
          this.#count += 1;
          this.queue.push({ id: `t${this.#count}`, job });
        }
        return;
      }
      case 'round':
        return this.#live(step.policy, step.take);
      case 'end': {
        const task = this.running[step.task % (this.running.length || 1)];
        if (task !== undefined) this.#end(task);
        return;
      }
      case 'lose': {
        const agent = this.agents[step.agent % (this.agents.length || 1)];
        if (agent === undefined) return;
        this.#index.removeAgent(agent.id);
        this.agents = this.agents.filter(({ id }) => id !== agent.id);
        this.running = this.running.filter(({ agentId }) => agentId !== agent.id);
        return;
      }
      case 'return': {
        const agent = this.#all.find(({ id }) => this.agents.every((each) => each.id !== id));
        if (agent === undefined) return;
        this.#index.addAgent(agent);
        this.agents.push(agent);
        return;
      }
      case 'drain':
      case 'undrain':
        return this.#setDraining(step.agent, step.kind === 'drain');
      case 'refuse': {
        const task = this.running[step.task % (this.running.length || 1)];
        if (task === undefined) return;
        this.#end(task);
        this.queue.push({ id: `${task.id}r`, job: task.job });
        this.#refusals.set(`${task.job.id} ${task.agentId}`, this.#round);
        this.#index.refusals.note(task.job.id, task.agentId, this.#round);
      }
    }
  }

  #setDraining(index: number, isDraining: boolean): void {
    const agent = this.agents[index % (this.agents.length || 1)];
    if (agent === undefined) return;
    const bookings = [...(this.#index.find(agent.id)?.bookings.values() ?? [])];
    this.agents = this.agents.map((each) => (each === agent ? { ...agent, isDraining } : each));
    this.#index.addAgent({ ...agent, isDraining }, bookings);
  }

  #end(task: PlainRunning): void {
    this.running = this.running.filter((each) => each !== task);
    const found = this.#index.find(task.agentId);
    if (found !== undefined) this.#index.give(found, task.id);
  }

  /** Plans for the whole queue, and carries out the beginning of the plan: the rest may come to nothing. */
  #live(policy: (typeof fitPolicies)[number], take: number): void {
    this.#round += 1;
    const refusalsSinceMs = this.#round - refusalRounds;
    const refused = new Set(
      [...this.#refusals].filter(([, round]) => round >= refusalsSinceMs).map(([key]) => key),
    );
    const before = snapshot(this.#index);
    const outcomes = [...place(queueOf(this.queue), this.#index, { policy, refusalsSinceMs })];
    expect(snapshot(this.#index)).toEqual(before);
    expect(outcomes.map(({ taskId }) => taskId)).toEqual(this.queue.map(({ id }) => id));
    const cell = { agents: this.agents, running: [...this.running], refused };
    const placed: PlainRunning[] = [];
    for (const [index, outcome] of outcomes.entries()) {
      const task = this.queue[index];
      if (task === undefined) throw new Error('a outcome on nothing');
      if (isUnplaced(outcome)) expect(possible(task.job, cell)).toEqual([]);
      else {
        checkChoice(task, outcome, { cell, policy });
        const running = { ...task, agentId: outcome.agentId, gpus: outcome.gpus };
        cell.running.push(running);
        placed.push(running);
      }
      checkCapacity(cell);
    }
    for (const task of placed.slice(0, take)) {
      book(this.#index, task);
      this.running.push(task);
      this.queue = this.queue.filter(({ id }) => id !== task.id);
    }
  }
}

function checkChoice(
  { job }: PlainTask,
  { agentId, gpus }: Placement,
  { cell, policy }: { readonly cell: PlainCell; readonly policy: string },
): void {
  const choices = possible(job, cell);
  const chosen = choices.find(({ id }) => id === agentId);
  if (chosen === undefined) throw new Error(`${job.id} may not run on ${agentId}`);
  const most = Math.max(...choices.map((agent) => met(agent, job, cell)));
  expect(met(chosen, job, cell)).toBe(most);
  const gpusWanted = job.resources.gpuMillis === 0 ? 0 : Math.max(1, job.resources.gpuMillis / 1000);
  expect(new Set(gpus).size).toBe(gpusWanted);
  if (policy !== 'binpack') return;
  const before = (a: PlainAgent, b: PlainAgent) =>
    crowd(a, job, cell) - crowd(b, job, cell) || roominess(a, cell) - roominess(b, cell);
  const best = choices
    .filter((agent) => met(agent, job, cell) === most)
    .toSorted((a, b) => before(a, b) || (a.id < b.id ? -1 : 1));
  expect(best[0]?.id).toBe(agentId);
}

function checkCapacity(cell: PlainCell): void {
  const { agents, running } = cell;
  for (const agent of agents) {
    const ports = hostPortsOn(agent, cell);
    expect(new Set(ports).size).toBe(ports.length);
    for (const amount of Object.values(freeOf(agent, running))) expect(amount).toBeGreaterThanOrEqual(0);
    for (const free of freeGpus(agent, running)) expect(free).toBeGreaterThanOrEqual(0);
  }
}

describe('place', () => {
  it('breaks no rule, exceeds no capacity and misses no agent, whatever comes, ends, goes and returns', {
    timeout: 60_000,
  }, () => {
    fc.assert(
      fc.property(cells, jobs, steps, (agents, ofJobs, life) => {
        const cell = new Life(agents, ofJobs);
        for (const step of life) cell.live(step);
        cell.live({ kind: 'round', policy: 'binpack', take: 100 });
      }),
      { numRuns: 1000 },
    );
  });

  it('gives the same plan for the same arguments, whatever was planned before', () => {
    fc.assert(
      fc.property(cells, jobs, fc.array(fc.nat(3), { maxLength: 12 }), (agents, ofJobs, picks) => {
        const tasks = picks.flatMap((pick, index) => {
          const job = ofJobs[pick % ofJobs.length];
          return job === undefined ? [] : [{ id: `t${index}`, job }];
        });
        const reported = (index: AgentIndex) =>
          [...place(queueOf(tasks), index)].map((one) => (isUnplaced(one) ? one.taskId : { ...one }));
        const index = indexOf(agents);
        const first = reported(index);
        expect(reported(index)).toEqual(first);
        expect(reported(indexOf(agents.toReversed()))).toEqual(first);
      }),
    );
  });
});
