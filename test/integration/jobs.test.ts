import { JobManagementServiceService as methods } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { State } from '@berth/shared/model/task/task-state';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectAgreement } from '../support/callers/agreement.js';
import {
  batch,
  codeIn,
  isJobOver,
  ownPart,
  type RetryPolicy,
  retries,
  runs,
  service,
  simulated,
  stateOf,
  tasksIn,
} from '../support/callers/jobs.js';
import type { TitusCaller } from '../support/callers/titus-caller.js';
import { closeCleanly, TestCell } from '../support/cells/test-cell.js';
import { skipRedisTests } from '../support/process/redis.js';
import { waitFor } from '../support/process/wait-for.js';

/** Shorter than any pause that a person notices, and longer than the reconcile passes take. */
const shortMs = 20;

describe.skipIf(skipRedisTests !== false)('jobs and their tasks, from CreateJob to their end', () => {
  let cell: TestCell;
  let caller: TitusCaller;

  beforeAll(async () => {
    cell = await TestCell.start({ masterEnv: { BERTH_MASTER_KILL_GRACE: '200ms' } });
    caller = cell.caller();
  });
  afterAll(() => closeCleanly(cell));

  const ended = (id: string) => caller.until(id, isJobOver, 'ends');
  const attemptsOf = (id: string, slot = 0) =>
    caller.find(id).then(({ tasks }) => tasks.filter((task) => ownPart(task).startsWith(`${slot}-`)));
  const runningTasks = async (id: string, count: number) =>
    tasksIn(await caller.until(id, runs(count), `runs ${count} tasks`), State.RUNNING);

  describe('a batch job', () => {
    it('is FINISHED normal when every task is, with a complete history of each', async () => {
      const id = await caller.create(
        batch(simulated({ runMs: shortMs, startDelayMs: shortMs }), { tasks: 5 }),
      );
      const job = await ended(id);
      expect(job.jobState).toEqual({ state: State.FINISHED, reason: 'normal' });
      expect(job.tasks.map(ownPart).sort()).toEqual(['0-0', '1-0', '2-0', '3-0', '4-0']);
      for (const task of job.tasks) {
        expect(task.state).toEqual({ state: State.FINISHED, reason: 'normal' });
        const states = task.stateChanges.map(({ state }) => state);
        expect(states).toEqual(expect.arrayContaining(['QUEUED', 'RUNNING', 'FINISHED']));
        expect(task.taskContext).toMatchObject({
          'task.originalId': task.id,
          'task.resubmitNumber': '0',
          'agent.id': expect.stringMatching(/^agent-[12]$/),
        });
        expect(task.taskContext).not.toHaveProperty('task.resubmitOf');
      }
      expect(job.stateChanges[0]?.state).toBe('QUEUED');
      expect(job.stateChanges.at(-1)?.state).toBe('FINISHED');
    });

    it('is FAILED when a task is, and names the task and the reason', async () => {
      const id = await caller.create(batch(simulated({ runMs: 0, exitCode: 3 }), { tasks: 2 }));
      const job = await ended(id);
      expect(job.jobState?.state).toBe(State.FAILED);
      expect(job.jobState?.reason).toMatch(/^failed: 2 of 2 tasks failed; task \S+: failed: exit code 3/);
      expect(job.tasks.map(({ state }) => state?.reason)).toEqual([
        'failed: exit code 3',
        'failed: exit code 3',
      ]);
    });

    const policies: readonly (readonly [string, RetryPolicy, number])[] = [
      ['at once', { $case: 'immediate', value: { retries: 2 } }, 0],
      ['after a delay', { $case: 'delayed', value: { initialDelayMs: 0, delayMs: 60, retries: 2 } }, 120],
      [
        'after delays that double',
        { $case: 'exponentialBackOff', value: { initialDelayMs: 40, maxDelayIntervalMs: 1000, retries: 2 } },
        120,
      ],
    ];
    it.each(policies)(
      'tries a failed task again %s, as often as its policy says',
      async (_, policy, delaysMs) => {
        const id = await caller.create(batch(simulated({ runMs: 0, exitCode: 1 }), { retryPolicy: policy }));
        const { tasks, jobState } = await ended(id);
        expect(jobState?.state).toBe(State.FAILED);
        expect(tasks.map(ownPart)).toEqual(['0-0', '0-1', '0-2']);
        const contexts = tasks.map(({ taskContext }) => taskContext);
        expect(contexts.map((context) => context['task.resubmitOf'])).toEqual([
          undefined,
          tasks[0]?.id,
          tasks[1]?.id,
        ]);
        expect(contexts.map((context) => context['task.resubmitNumber'])).toEqual(['0', '1', '2']);
        expect(new Set(contexts.map((context) => context['task.originalId']))).toEqual(
          new Set([tasks[0]?.id]),
        );
        const [first, last] = [tasks[0], tasks[2]].map((task) =>
          Date.parse(task?.stateChanges[0]?.timestamp ?? ''),
        );
        expect((last ?? 0) - (first ?? 0)).toBeGreaterThanOrEqual(delaysMs);
      },
    );

    it('retries after a failure of the system without using up the retries', async () => {
      const id = await caller.create(batch(simulated({ fail: 'host' }), { retryPolicy: retries(0) }));
      await waitFor(async () => (await attemptsOf(id)).length >= 3, { what: 'it is tried again' });
      const [first] = await attemptsOf(id);
      expect(first?.state?.reason).toMatch(/^systemError: /);
      await caller.kill(id);
      expect((await ended(id)).jobState).toEqual({ state: State.FINISHED, reason: 'killed' });
    });

    it.each([
      ['whose image is missing', 'pull', 'invalidRequest'],
      ['whose settings are refused', 'create', 'invalidRequest'],
      ['whose command cannot be started', 'start', 'invalidRequest'],
      ['that needs more memory than it has', 'oom', 'oom'],
    ] as const)('calls the end of a task %s by its name', async (_, fail, code) => {
      const job = await ended(await caller.create(batch(simulated({ fail }))));
      expect(job.jobState?.state).toBe(State.FAILED);
      expect(job.tasks.map((task) => [stateOf(task), codeIn(task)])).toEqual([[State.FAILED, code]]);
    });

    it('ends a task that runs longer than the limit', async () => {
      const id = await caller.create(batch(simulated(), { runtimeLimitSecs: 1 }));
      const [task] = (await ended(id)).tasks;
      expect(task?.state).toMatchObject({ state: State.FAILED });
      expect(task && codeIn(task)).toBe('runtimeLimitExceeded');
    });

    it('lets KillTask end one slot without a failure or a retry', async () => {
      const descriptor = batch(simulated(), { tasks: 2, retryPolicy: retries(5) });
      const id = await caller.create(descriptor);
      for (const { id: taskId } of await runningTasks(id, 2)) await caller.killTask(taskId);
      const job = await ended(id);
      expect(job.jobState).toEqual({
        state: State.FINISHED,
        reason: 'killed: 2 of 2 tasks ended by a kill',
      });
      expect(job.tasks.map(({ state }) => state)).toEqual([
        { state: State.FINISHED, reason: 'killed' },
        { state: State.FINISHED, reason: 'killed' },
      ]);
    });

    it('is FINISHED killed after KillJob, even if a container ignores SIGTERM', async () => {
      const id = await caller.create(batch(simulated({ ignoreTerm: true }), { tasks: 3 }));
      await runningTasks(id, 3);
      await caller.kill(id);
      const job = await ended(id);
      expect(job.jobState).toEqual({ state: State.FINISHED, reason: 'killed' });
      expect(job.tasks.map(codeIn)).toEqual(['killed', 'killed', 'killed']);
      await caller.kill(id);
      expect((await caller.find(id)).stateChanges).toEqual(job.stateChanges);
    });

    it('waits in QUEUED with a reason until an agent has capacity, and then starts', async () => {
      const whole = { ...simulated(), resources: { cpu: '16', memory: '64' } };
      const filling = await caller.create(service(whole, { tasks: 2 }));
      await runningTasks(filling, 2);
      const id = await caller.create(
        batch({ ...simulated({ runMs: shortMs }), resources: { cpu: '1', memory: '64' } }),
      );
      const waits = (reason: string) => reason !== '';
      const queued = await caller.until(
        id,
        ({ tasks }) => waits(tasks[0]?.state?.reason ?? ''),
        'says why it waits',
      );
      expect(queued.jobState?.state).toBe(State.QUEUED);
      expect(queued.tasks[0]?.state?.state).toBe(State.QUEUED);
      await caller.kill(filling);
      expect((await ended(id)).jobState?.reason).toBe('normal');
    });
  });

  describe('a service job', () => {
    it('replaces a killed task at once, by a new one that names it', async () => {
      const id = await caller.create(service(simulated(), { tasks: 2 }));
      const [victim] = await runningTasks(id, 2);
      await caller.killTask(victim?.id ?? '');
      const job = await caller.until(
        id,
        (now) =>
          runs(2)(now) && now.tasks.some(({ taskContext }) => taskContext['task.resubmitOf'] === victim?.id),
        'has a replacement',
      );
      const killed = job.tasks.find((task) => task.id === victim?.id);
      expect(killed?.state).toEqual({ state: State.FINISHED, reason: 'killed' });
      const replacement = job.tasks.find(({ taskContext }) => taskContext['task.resubmitOf'] === victim?.id);
      expect(replacement?.taskContext['task.originalId']).toBe(victim?.id);
      expect(replacement?.taskContext['task.index']).toBe(victim?.taskContext['task.index']);
      expect(job.jobState).toEqual({ state: State.RUNNING, reason: '' });
      await caller.kill(id);
      expect((await ended(id)).jobState).toEqual({ state: State.FINISHED, reason: 'killed' });
    });

    it('replaces a task after every kind of end', async () => {
      const id = await caller.create(service(simulated({ runMs: shortMs, exitCode: 0 })));
      await waitFor(async () => (await attemptsOf(id)).length >= 3, { what: 'two replacements' });
      const job = await caller.find(id);
      expect(isJobOver(job)).toBe(false);
      expect(tasksIn(job, State.FINISHED).length).toBeGreaterThanOrEqual(2);
      await caller.kill(id);
      await ended(id);
    });

    it('grows and shrinks to the numbers of UpdateJobInstances', async () => {
      const id = await caller.create(service(simulated(), { tasks: 2 }));
      await runningTasks(id, 2);
      await caller.scale(id, 5);
      expect((await runningTasks(id, 5)).map(ownPart).sort()).toEqual(['0-0', '1-0', '2-0', '3-0', '4-0']);
      await caller.scale(id, 1);
      await runningTasks(id, 1);
      const job = await caller.find(id);
      const removed = job.tasks.filter((task) => codeIn(task) === 'scaledDown');
      expect(removed.map(({ state }) => state?.state)).toEqual(
        Array.from({ length: 4 }, () => State.FINISHED),
      );
      await caller.scale(id, 2);
      const ids = (await runningTasks(id, 2)).map((task) => task.id);
      // An id is never used twice.
      expect(removed.map((task) => task.id)).not.toEqual(expect.arrayContaining(ids.slice(0, 1)));
      expect(new Set([...removed.map((task) => task.id), ...ids]).size).toBe(6);
      await caller.scale(id, 0);
      await runningTasks(id, 0);
      expect(isJobOver(await caller.find(id))).toBe(false);
      await caller.kill(id);
      expect((await ended(id)).jobState?.reason).toBe('killed');
    });

    it('has its autoscaling switched by UpdateJobStatus', async () => {
      const id = await caller.create(service(simulated()));
      const enabled = async () => {
        const spec = (await caller.find(id)).jobDescriptor?.jobSpec;
        return spec?.$case === 'service' ? spec.value.enabled : undefined;
      };
      expect(await enabled()).toBe(true);
      await caller.call(methods.updateJobStatus, { id, enableStatus: false });
      expect(await enabled()).toBe(false);
      await caller.kill(id);
    });

    it('gives its tasks the requested ports', async () => {
      const container = { ...simulated(), resources: { cpu: '0.1', memory: '32', ports: '8080,9090' } };
      const id = await caller.create(service(container));
      const [task] = await runningTasks(id, 1);
      expect(task?.taskContext['task.hostPorts']).toMatch(/^8080:\d+,9090:\d+$/);
      await caller.kill(id);
      await ended(id);
    });
  });

  it('leaves no container behind when all jobs have ended', async () => {
    await waitFor(async () => (await cell.containers()) === 0, { what: 'all containers are removed' });
  });

  it('sends the same end of each job over ObserveJob as FindJob shows', async () => {
    const stream = caller.observeJobs();
    await stream.until(({ model }) => model.isLive, 'the snapshot is over');
    const policy = retries(1);
    const ids = await Promise.all([
      caller.create(batch(simulated({ runMs: shortMs }), { tasks: 3 })),
      caller.create(batch(simulated({ runMs: 0, exitCode: 1 }), { tasks: 3, retryPolicy: policy })),
      caller.create(batch(simulated({ fail: 'start' }))),
    ]);
    await Promise.all(ids.map(ended));
    await stream.until(
      ({ model }) => ids.every((id) => model.jobs.get(id)?.isFinished),
      'all jobs have ended',
    );
    for (const id of ids) await expectAgreement(stream, caller, id);
    stream.cancel();
  });
});
