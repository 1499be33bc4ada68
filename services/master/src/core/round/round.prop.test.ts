import type { TaskRecord } from '@berth/shared/gen/berth/v1/store';
import { instancesOf, isJobLive, jobKind } from '@berth/shared/model/job/job';
import { runtimeEndMs } from '@berth/shared/model/job/mantis';
import { stagesOf } from '@berth/shared/model/job/stages';
import { isTaskLive, isTerminal, taskState } from '@berth/shared/model/task/task-state';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { aJob, aService, limits, minute, must, second } from '../../testing/fixtures.js';
import { agentIndex, comeBack, lose, named, run } from '../../testing/random-events.js';
import type { Fate } from '../../testing/sim-agent.js';
import { Simulation, type SimulationOptions } from '../../testing/simulation.js';

const jobIds = ['job-a', 'job-b', 'job-c'];
const jobId = fc.constantFrom(...jobIds);

const policies = fc.constantFrom(
  { $case: 'immediate', value: { retries: 0 } } as const,
  { $case: 'immediate', value: { retries: 2 } } as const,
  { $case: 'delayed', value: { initialDelayMs: second, delayMs: 2 * second, retries: 2 } } as const,
  {
    $case: 'exponentialBackOff',
    value: { initialDelayMs: second, maxDelayIntervalMs: minute, retries: 3 },
  } as const,
);

const jobs = fc.record({
  id: jobId,
  kind: fc.constantFrom('batch', 'service'),
  desired: fc.nat(5),
  retry: policies,
  resources: fc.constantFrom({}, { cpu: '2' }),
  runtimeLimitSecs: fc.constantFrom(0, 30),
  stages: fc.constantFrom(undefined, undefined, [2], [1, 3], [2, 0, 1]),
} as const);

const submit = jobs.map((job) =>
  named(`submit ${JSON.stringify(job)}`, (simulation) => {
    // Ids are never used twice: a job that was there before does not come again.
    const isKnown =
      [...simulation.laws.taskIds].some((id) => id.startsWith(`${job.id}.`)) ||
      simulation.cell.find('job', job.id);
    if (isKnown) return;
    const { stages, ...others } = job;
    const options = stages === undefined ? others : { ...others, stages };
    simulation.submit(aJob({ ...options, createdAtMs: simulation.nowMs }));
  }),
);
const fates = fc.constantFrom<Fate>(
  'progress',
  'progress',
  'progress',
  'normal',
  'failed',
  'systemError',
  'hang',
);
const turn = fc
  .tuple(agentIndex, fates, fc.constantFrom(0, -minute, minute))
  .map(([index, fate, skewMs]) =>
    named(`turn ${index} ${fate} ${skewMs}`, (simulation) => simulation.agentTurn(index, fate, skewMs)),
  );
const advance = fc
  .constantFrom(10, second, 40 * second, 11 * minute, limits.finishedRetentionMs)
  .map((ms) => named(`advance ${ms}`, (simulation) => simulation.advance(ms)));
const scale = fc
  .tuple(jobId, fc.nat(6), fc.constantFrom(1, 2))
  .map(([id, desired, stage]) =>
    named(`scale ${id} ${desired} ${stage}`, (simulation) => simulation.scale(id, desired, stage)),
  );
const killTask = fc.nat(30).map((pick) =>
  named(`killTask ${pick}`, (simulation) => {
    const ids = [...simulation.laws.taskIds];
    if (ids.length > 0) simulation.killTask(must(ids[pick % ids.length]));
  }),
);
const killJob = jobId.map((id) => named(`killJob ${id}`, (simulation) => simulation.killJob(id)));

const history = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: submit },
    { weight: 10, arbitrary: turn },
    { weight: 4, arbitrary: advance },
    { weight: 2, arbitrary: scale },
    { weight: 2, arbitrary: killTask },
    { weight: 1, arbitrary: killJob },
    { weight: 1, arbitrary: lose },
    { weight: 1, arbitrary: comeBack },
  ),
  { maxLength: 60 },
);

const settings = fc.record<SimulationOptions>({
  cpuMillisPerAgent: fc.constantFrom(1500, 4000),
  maxWrites: fc.constantFrom(8, 1000),
  maxFinishedJobs: fc.constantFrom(0, 1000),
  limits: fc.constantFrom(
    {},
    { maxNotRunningPerJob: 2, maxReplacedTasksPerJob: 0 },
    { maxReplacedTasksPerJob: 1 },
  ),
});

const numRuns = Number(process.env.BERTH_PROPERTY_RUNS ?? 150);

describe('whatever happens', () => {
  it('the master misses nothing: a pass over everything finds nothing more to do', () => {
    fc.assert(
      fc.property(settings, history, (options, events) => {
        expect(run(options, events).missed()).toEqual([]);
      }),
      { numRuns },
    );
  });

  it('services and stages end up with just the tasks that are wanted, and batch jobs end', () => {
    fc.assert(
      fc.property(settings, history, (options, events) => {
        const simulation = run({ ...options, cpuMillisPerAgent: 40_000 }, events);
        simulation.settle();
        for (const { id, record } of simulation.cell.all('job')) {
          if (record.descriptor === undefined || jobKind(record.descriptor) === 'batch' || record.kill)
            continue;
          const hasEnded = simulation.nowMs >= runtimeEndMs(record);
          for (const stage of stagesOf(record.descriptor)) {
            const live = simulation.liveTasks(id).filter((task) => task.stage === stage);
            const wanted = hasEnded ? 0 : instancesOf(record.descriptor, stage).desired;
            expect(live, `live tasks of ${id}, stage ${stage}`).toHaveLength(wanted);
            if (stage > 0) expect(live.map(({ slot }) => slot).toSorted()).toEqual([...Array(wanted).keys()]);
          }
        }
        for (const index of simulation.agents.keys()) simulation.agentTurn(index, 'normal');
        simulation.settle();
        for (const { id, record } of simulation.cell.all('jobStatus')) {
          const isBatch = simulation.cell.find('job', id)?.record.descriptor?.jobSpec?.$case === 'batch';
          if (isBatch) expect(isJobLive(record), `job ${id} goes on`).toBe(false);
        }
      }),
      { numRuns },
    );
  });

  it('after everything is killed nothing is assigned, and everything ends up in the archive, ended', () => {
    fc.assert(
      fc.property(settings, history, (options, events) => {
        const simulation = run(options, events);
        for (const id of jobIds) simulation.killJob(id);
        simulation.settle(2 * limits.finishedRetentionMs);
        expect(simulation.agents.map(({ assigned, containers }) => [assigned.size, containers])).toEqual([
          [0, 0],
          [0, 0],
          [0, 0],
        ]);
        for (const kind of ['job', 'jobStatus', 'task', 'taskStop'] as const)
          expect(simulation.cell.count(kind), kind).toBe(0);
        for (const id of simulation.laws.taskIds) {
          const bytes = simulation.archive.get(id.slice(0, id.indexOf('.')))?.get(`task/${id}`);
          const record = bytes && (simulation.cell.recordOf(bytes) as TaskRecord | undefined);
          expect(record && isTerminal(taskState(record)), `${id} in the archive`).toBe(true);
        }
      }),
      { numRuns },
    );
  });

  it('late and repeated reports change nothing', () => {
    fc.assert(
      fc.property(settings, history, fc.constantFrom<Fate>('progress', 'failed'), (options, events, fate) => {
        const simulation = run(options, events);
        const reports = simulation.agents.flatMap((agent) => agent.turn(fate, simulation.nowMs));
        simulation.report(reports);
        const before = [...simulation.cell.all('task')].map(({ record }) => record);
        simulation.report(reports);
        expect([...simulation.cell.all('task')].map(({ record }) => record)).toEqual(before);
      }),
      { numRuns },
    );
  });
});

describe('a service whose agents all come and go', () => {
  it('never has more live tasks than desired, stopping ones aside', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(turn, lose, comeBack, advance), { maxLength: 40 }), (events) => {
        const simulation = new Simulation();
        simulation.submit(aService({ id: 'job-a', desired: 4 }));
        for (const event of events) {
          event(simulation);
          const live = simulation
            .liveTasks('job-a')
            .filter((task) => isTaskLive(task) && task.stop === undefined);
          expect(live.length).toBeLessThanOrEqual(4);
        }
      }),
      { numRuns },
    );
  });
});
