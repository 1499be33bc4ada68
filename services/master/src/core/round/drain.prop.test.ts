import type { Stop } from '@berth/shared/gen/berth/v1/store';
import { isTaskLive, taskReasonCode } from '@berth/shared/model/task/task-state';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { aJob, minute, second } from '../../testing/fixtures.js';
import { agentIndex, comeBack, lose, named, run } from '../../testing/random-events.js';
import type { Fate } from '../../testing/sim-agent.js';
import { Simulation, type SimulationOptions } from '../../testing/simulation.js';

const jobs = fc.record({
  kind: fc.constantFrom('batch', 'service'),
  desired: fc.integer({ min: 1, max: 4 }),
  resources: fc.constantFrom({}, { cpu: '2' }),
  stages: fc.constantFrom(undefined, undefined, [1, 2]),
  labels: fc.constantFrom({}, {}, { 'berth.tier': 'critical' }, { 'berth.capacityGroup': 'b' }),
} as const);

const submit = fc.tuple(jobs, fc.uuid()).map(([{ stages, ...job }, id]) =>
  named(`submit ${id} ${JSON.stringify({ ...job, stages })}`, (simulation) => {
    const options = { id, retry: { $case: 'immediate', value: { retries: 1 } }, ...job } as const;
    if (simulation.cell.find('job', id)) return;
    simulation.submit(aJob({ ...options, ...(stages && { stages }), createdAtMs: simulation.nowMs }));
  }),
);
const fates = fc.constantFrom<Fate>('progress', 'progress', 'progress', 'refuse', 'failed', 'normal', 'hang');
const turnOf = ([index, fate]: readonly [number, Fate]) =>
  named(`turn ${index} ${fate}`, (simulation) => simulation.agentTurn(index, fate));
const turn = fc.tuple(agentIndex, fates).map(turnOf);
const goOn = fc.constant(
  named('go on', (simulation) => {
    for (let step = 0; step < 3; step += 1)
      for (const index of simulation.agents.keys()) simulation.agentTurn(index, 'progress');
  }),
);
const advance = fc
  .constantFrom(second, 5 * second, 40 * second, 2 * minute)
  .map((ms) => named(`advance ${ms}`, (simulation) => simulation.advance(ms)));
const drain = fc
  .tuple(agentIndex, fc.constantFrom(0, 0, 10 * second, 10 * minute))
  .map(([index, deadlineMs]) =>
    named(`drain ${index} ${deadlineMs}`, (simulation) => simulation.drainAgent(index, deadlineMs)),
  );
const undrain = agentIndex.map((index) =>
  named(`undrain ${index}`, (simulation) => simulation.undrainAgent(index)),
);

const history = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: submit },
    { weight: 4, arbitrary: turn },
    { weight: 5, arbitrary: goOn },
    { weight: 4, arbitrary: advance },
    { weight: 2, arbitrary: drain },
    { weight: 1, arbitrary: undrain },
    { weight: 1, arbitrary: lose },
    { weight: 1, arbitrary: comeBack },
  ),
  { minLength: 15, maxLength: 50 },
);

const settings = fc.record<SimulationOptions>({
  cpuMillisPerAgent: fc.constantFrom(1500, 4000),
  maxWrites: fc.constantFrom(8, 1000),
  limits: fc.constantFrom(
    {},
    { preempts: true },
    { preempts: true, guarantees: new Map([['b', aGuarantee(2000)]]) },
  ),
});

function aGuarantee(cpuMillis: number) {
  return { cpuMillis, memoryMb: 0, diskMb: 0, networkMbps: 0, gpuMillis: 0, ports: 0, eni: 0 };
}

const numRuns = Number(process.env.BERTH_PROPERTY_RUNS ?? 40);
const timeoutMs = 20_000 + 500 * numRuns;

describe('drains, refusals and preemption, whatever else happens', { timeout: timeoutMs }, () => {
  it('break no law of testing/laws.ts, and the master misses nothing for longer than its check interval', () => {
    const seen = new Map<string, number>();
    fc.assert(
      fc.property(settings, history, (options, events) => {
        const simulation = run(options, events);
        simulation.advance(5 * second);
        expect(simulation.missed()).toEqual([]);
        for (const { record } of simulation.cell.all('task')) {
          const code = record.stop?.code ?? taskReasonCode(record);
          seen.set(code, (seen.get(code) ?? 0) + 1);
        }
      }),
      { numRuns: 3 * numRuns },
    );
    for (const code of ['moved', 'refused', 'preempted'])
      expect(seen.get(code) ?? 0, code).toBeGreaterThan(0);
  });

  it('leave no task of a service on a drained agent, if others have capacity', () => {
    fc.assert(
      fc.property(settings, history, agentIndex, (options, events, index) => {
        const simulation = run({ ...options, cpuMillisPerAgent: 80_000 }, events);
        for (const other of simulation.agents.keys()) simulation.undrainAgent(other);
        simulation.drainAgent(index);
        simulation.settle(15 * minute);
        const { id } = simulation.agents[index % simulation.agents.length] ?? { id: '' };
        const left = simulation.liveTasks().filter((task) => task.agentId === id && isTaskLive(task));
        for (const { jobId } of left)
          expect(simulation.cell.find('job', jobId)?.record.descriptor?.jobSpec?.$case).toBe('batch');
      }),
      { numRuns },
    );
  });

  it('leave nothing at all there once the deadline is over', () => {
    fc.assert(
      fc.property(settings, history, agentIndex, (options, events, index) => {
        const simulation = run(options, events);
        simulation.drainAgent(index, minute);
        simulation.settle(15 * minute);
        const { id } = simulation.agents[index % simulation.agents.length] ?? { id: '' };
        expect(simulation.liveTasks().filter((task) => task.agentId === id)).toEqual([]);
      }),
      { numRuns },
    );
  });
});

describe('the order to a victim of preemption', { timeout: timeoutMs }, () => {
  const submitCritical = fc.tuple(fc.integer({ min: 1, max: 2 }), fc.uuid()).map(([desired, id]) =>
    named(`submit ${id} ${desired}`, (simulation) => {
      const labels = { 'berth.tier': 'critical' };
      if (simulation.cell.find('job', id)) return;
      simulation.submit(aJob({ id, desired, labels, createdAtMs: simulation.nowMs }));
    }),
  );
  const turnAway = fc.tuple(agentIndex, fc.constantFrom<Fate>('refuse', 'refuse', 'progress')).map(turnOf);
  const crowded = fc.array(fc.oneof(submitCritical, turnAway, turnAway, goOn, advance), { maxLength: 12 });

  it('stands in its record and its assignment until it is obeyed: a new process of an agent has no more', () => {
    let orders = 0;
    fc.assert(
      fc.property(fc.constantFrom(8, 1000), crowded, (maxWrites, events) => {
        const simulation = new Simulation({ cpuMillisPerAgent: 1500, maxWrites, limits: { preempts: true } });
        simulation.submit(aJob({ id: 'flex', desired: 3, createdAtMs: simulation.nowMs }));
        for (const event of events) {
          event(simulation);
          for (const { id, agentId, stop } of victims(simulation)) {
            const assigned = simulation.agents.find((agent) => agent.id === agentId)?.assigned;
            expect(stop, `the order in the record of ${id}`).toBeDefined();
            expect(assigned?.get(id)?.stop, `the order in the assignment of ${id}`).toEqual(stop);
            orders += 1;
          }
        }
      }),
      { numRuns },
    );
    expect(orders).toBeGreaterThan(0);
  });
});

/** The live tasks with waiting preemptors, or with preemptors that have ended. */
function victims({ cell }: Simulation): readonly {
  readonly id: string;
  readonly agentId: string;
  readonly stop: Stop | undefined;
}[] {
  const awaited = new Set([...cell.all('task')].flatMap(({ record }) => record.awaitedTaskIds));
  return [...awaited].flatMap((id) => {
    const task = cell.find('task', id)?.record;
    return task !== undefined && isTaskLive(task) ? [{ id, agentId: task.agentId, stop: task.stop }] : [];
  });
}
