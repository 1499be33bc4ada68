import fc from 'fast-check';
import { expect, it } from 'vitest';
import { place } from '../place/place.js';
import { isUnplaced } from '../place/place-options.js';
import type { QueuedTask } from '../request/placement-request.js';
import {
  amounts,
  indexOf,
  type PlainAgent,
  type PlainJob,
  type PlainRunning,
  specFor,
} from '../testing/plain.js';
import { explain } from './explain.js';
import { withoutConstraint } from './remedies.js';
import type { Remedy } from './remedy.js';

const requests = fc
  .record({
    cpu: fc.integer({ min: 1, max: 5 }),
    memory: fc.integer({ min: 1, max: 5 }),
    gpuMillis: fc.constantFrom(0, 0, 400, 1000, 2000),
  })
  .map(({ cpu, memory, gpuMillis }) => amounts(cpu, memory, { gpuMillis }));
const constraints = fc
  .array(
    fc.constantFrom(
      ['uniqueHost', 'true'],
      ['exclusiveHost', 'true'],
      ['zoneBalance', 'true'],
      ['zone', 'a'],
      ['rack', '1'],
    ),
    { maxLength: 2 },
  )
  .map((entries) => Object.fromEntries(entries) as Record<string, string>);
const hostPorts = fc.constantFrom('', '', '8080:80', '9090:80');
const jobs = fc
  .array(fc.record({ resources: requests, hard: constraints, ports: hostPorts }), {
    minLength: 2,
    maxLength: 3,
  })
  .map((all) => all.map((job, index): PlainJob => ({ id: `job${index}`, soft: {}, ...job })));
const cells = fc
  .array(
    fc.record({
      zone: fc.constantFrom('a', 'b'),
      rack: fc.constantFrom('1', '2'),
      size: requests,
      gpus: fc.nat(2),
      isDraining: fc.constantFrom(false, false, false, true),
    }),
    { minLength: 1, maxLength: 5 },
  )
  .map((all) =>
    all.map(
      ({ zone, rack, size, gpus, isDraining }, index): PlainAgent => ({
        id: `a${index}`,
        attributes: { zone, rack },
        total: { ...size, gpuMillis: gpus * 1000 },
        isDraining,
      }),
    ),
  );

const queued = (id: string, job: PlainJob): QueuedTask => ({
  taskId: id,
  jobId: job.id,
  resources: job.resources,
  spec: specFor(job),
});

/** The running tasks after tasks of the jobs were placed in turn, as far as possible. */
function settle(
  agents: readonly PlainAgent[],
  ofJobs: readonly PlainJob[],
  picks: readonly number[],
): PlainRunning[] {
  const index = indexOf(agents);
  const tasks = picks.flatMap((pick, index) => {
    const job = ofJobs[pick % ofJobs.length];
    return job === undefined ? [] : [{ id: `t${index}`, job }];
  });
  const outcomes = [
    ...place(
      tasks.map(({ id, job }) => queued(id, job)),
      index,
    ),
  ];
  return tasks.flatMap((task, index) => {
    const outcome = outcomes[index];
    return outcome === undefined || isUnplaced(outcome)
      ? []
      : [{ ...task, agentId: outcome.agentId, gpus: outcome.gpus }];
  });
}

/** The task and the running tasks after the remedy was applied. */
function apply(remedy: Remedy, task: QueuedTask, running: readonly PlainRunning[]) {
  switch (remedy.kind) {
    case 'less': {
      const left = task.resources[remedy.resource] - remedy.amount;
      return [{ task: { ...task, resources: { ...task.resources, [remedy.resource]: left } }, running }];
    }
    case 'without':
      return [
        {
          task: task.spec ? { ...task, spec: withoutConstraint(task.spec, remedy.constraint) } : task,
          running,
        },
      ];
    case 'ends':
      return remedy.taskIds.map((id) => ({ task, running: running.filter((one) => one.id !== id) }));
  }
}

it('explains every task that waits by reasons that cover all agents, and by changes each of which places it', () => {
  let remedies = 0;
  fc.assert(
    fc.property(
      cells,
      jobs,
      fc.array(fc.nat(2), { maxLength: 10 }),
      fc.nat(9),
      (agents, ofJobs, picks, pick) => {
        const running = settle(agents, ofJobs, picks);
        // One agent may have refused the job of late; it goes on to refuse it.
        const refuser = agents[pick];
        const options = { refusalsSinceMs: 0 };
        const fleetWith = (some: readonly PlainRunning[], job: PlainJob) => {
          const index = indexOf(agents, some);
          if (refuser !== undefined) index.refusals.note(job.id, refuser.id, 1);
          return index;
        };
        for (const job of ofJobs) {
          const index = fleetWith(running, job);
          const task = queued('new', job);
          const [outcome] = [...place([task], index, options)];
          const before = [...index.agents()].map(({ id, free, bookings }) => [
            id,
            { ...free },
            [...bookings.keys()].sort(),
          ]);
          const explanation = explain(task, index, options);
          expect(
            [...index.agents()].map(({ id, free, bookings }) => [
              id,
              { ...free },
              [...bookings.keys()].sort(),
            ]),
          ).toEqual(before);
          if (outcome === undefined || !isUnplaced(outcome)) {
            expect(explanation.agentId).toBe(outcome?.agentId);
            continue;
          }
          expect(explanation.agentId).toBeUndefined();
          for (const { reason, agents: count } of explanation.reasons)
            expect(outcome.reasons.get(reason)).toBe(count);
          for (const remedy of explanation.remedies) {
            for (const changed of apply(remedy, task, running)) {
              remedies += 1;
              const [then] = [...place([changed.task], fleetWith(changed.running, job), options)];
              expect(then && !isUnplaced(then), JSON.stringify(remedy)).toBe(true);
            }
          }
        }
      },
    ),
    { numRuns: 400 },
  );
  expect(remedies).toBeGreaterThan(100);
});

it('names the least that helps, and how many agents it would help on', () => {
  const agent = (id: string, memory: number): PlainAgent => ({
    id,
    attributes: {},
    total: amounts(4, memory),
  });
  const index = indexOf([agent('a', 100), agent('b', 300), agent('c', 300)]);
  const task = { taskId: 't', jobId: 'j', resources: amounts(1, 512) };
  expect(explain(task, index)).toEqual({
    agents: 3,
    reasons: [
      {
        reason: 'too little memory free',
        agents: 3,
        samples: ['a', 'b', 'c'],
        detail: 'asks 512 MB; the largest agent has 300 MB: it never fits',
      },
    ],
    remedies: [{ kind: 'less', resource: 'memoryMb', amount: 212, agents: 2 }],
  });
});
