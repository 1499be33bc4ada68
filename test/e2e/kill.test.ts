import { randomUUID } from 'node:crypto';
import { type BerthClient, type FollowedJob, UnreachableError } from '@berth/client';
import { State } from '@berth/shared/model/task/task-state';
import { type Observable, ReplaySubject, share } from 'rxjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  batch,
  codeIn,
  type Descriptor,
  isJobOver,
  ownPart,
  retries,
  runs,
  service,
  shell,
} from '../support/callers/jobs.js';
import { DockerCell, skipCellTests } from '../support/cells/docker-cell.js';

const batchSize = 5;
const serviceSize = 2;
/** The tasks of the three jobs: a container each, and no more than that. */
const containersInAll = batchSize + serviceSize + 1;

/**
 * One process of the cell is killed while a batch runs, a service runs and a container is about to fail. It
 * starts again only when all of these have ended. The outcome must be the same as without the kill.
 */
describe.skipIf(skipCellTests !== false)(
  'a cell of which one process is killed with SIGKILL in the middle of its work',
  () => {
    let cell: DockerCell;

    beforeAll(async () => {
      cell = await DockerCell.start({
        env: { master: { BERTH_MASTER_KILL_GRACE: '1s' }, agent: { BERTH_AGENT_RESYNC: '2s' } },
      });
    });
    afterAll(() => cell?.stop());

    const owned = (descriptor: Descriptor): Parameters<BerthClient['createJob']>[0] => ({
      ...descriptor,
      owner: { ownerEmail: 'test@example.com', teamEmail: 'test@example.com' },
    });
    /** Submits a job and records every view that a subscriber gets of it during all failures. */
    const submit = async (descriptor: Descriptor) => {
      const { id } = await cell.client.createJob(owned(descriptor));
      const views = cell.client
        .followJob(id, { reconnect: true })
        .pipe(share({ connector: () => new ReplaySubject<FollowedJob>(1), resetOnRefCountZero: false }));
      return { id, views, latest: latestOf(views) };
    };
    const runningTasks = ({ tasks }: FollowedJob) =>
      [...tasks.values()].filter((task) => task.state?.state === State.RUNNING).map((task) => task.id);
    const hasExited = async (taskId: string) => !(await cell.inspect(taskId)).State.Running;

    it.each(['redis', 'master', 'api', 'agent'])(
      'a killed %s does not change the outcome',
      async (victim) => {
        const createdBefore = cell.events.created.length;
        const working = await submit(batch(shell('sleep 2'), { tasks: batchSize, retryPolicy: retries(2) }));
        const lasting = await submit(
          service(shell("trap 'exit 0' TERM; while :; do sleep 1 & wait; done"), { tasks: serviceSize }),
        );
        const failing = await submit(batch(shell('sleep 1; exit 7')));
        for (const [job, count] of [
          [working, batchSize],
          [lasting, serviceSize],
          [failing, 1],
        ] as const) {
          await cell.until(
            `${count} tasks run`,
            () => runningTasks(job.latest()).length === count || job.latest().isFinal,
          );
        }
        const served = runningTasks(lasting.latest());
        const ending = [...runningTasks(working.latest()), ...runningTasks(failing.latest())];

        await cell.local.kill(victim);
        expect(cell.local.pid(victim)).toBeUndefined();
        // A container that was removed has ended, and its end is known.
        await cell.until('all that was to end has ended', async () => {
          const ended = await Promise.all(ending.map((id) => hasExited(id).catch(() => true)));
          return ended.every(Boolean);
        });
        await cell.local.restart(victim);

        await cell.until('the batches end', () => working.latest().isFinal && failing.latest().isFinal);
        const batchJob = working.latest().job;
        expect(batchJob.jobState).toEqual({ state: State.FINISHED, reason: 'normal' });
        expect(batchJob.tasks.map(ownPart).toSorted()).toEqual(
          Array.from({ length: batchSize }, (_, slot) => `${slot}-0`),
        );
        expect(batchJob.tasks.map(codeIn)).toEqual(Array.from({ length: batchSize }, () => 'normal'));
        expect(failing.latest().job.tasks.map((task) => task.state?.reason)).toEqual(['failed: exit code 7']);

        const { id } = lasting;
        const job = await cell.caller.find(id);
        expect(runs(serviceSize)(job)).toBe(true);
        expect(job.tasks.map((task) => task.id).toSorted()).toEqual(served.toSorted());
        await cell.until(
          'only the service has containers',
          async () => (await cell.containers()).length === serviceSize,
        );
        expect(await cell.containers()).toEqual(served.toSorted());
        const created = cell.events.created.slice(createdBefore);
        expect(created).toHaveLength(containersInAll);
        expect(new Set(created).size).toBe(containersInAll);

        await cell.client.killJob(id);
        await cell.until('the service ends', () => lasting.latest().isFinal);
        expect(lasting.latest().job.jobState).toEqual({ state: State.FINISHED, reason: 'killed' });
        await cell.until('no container is left', async () => (await cell.containers()).length === 0);
      },
    );

    it.each(['redis', 'master', 'api', 'agent'])(
      '%s, while containers are being started: each is started once',
      async (victim) => {
        const createdBefore = cell.events.created.length;
        const { latest } = await submit(batch(shell('sleep 1'), { tasks: 8, retryPolicy: retries(2) }));
        await cell.until('the first task runs', () => runningTasks(latest()).length > 0);
        await cell.local.kill(victim);
        await cell.local.restart(victim);
        await cell.until('the batch ends', () => latest().isFinal);
        const { jobState, tasks } = latest().job;
        expect(jobState).toEqual({ state: State.FINISHED, reason: 'normal' });
        expect(tasks.map(ownPart).toSorted()).toEqual(Array.from({ length: 8 }, (_, slot) => `${slot}-0`));
        await cell.until('no container is left', async () => (await cell.containers()).length === 0);
        const created = cell.events.created.slice(createdBefore);
        expect(created.toSorted()).toEqual(tasks.map((task) => task.id).toSorted());
      },
    );

    it('accepts a job once that was submitted repeatedly while the gateway was away', async () => {
      const idempotencyKey = randomUUID();
      const descriptor = owned(batch(shell('true')));
      const submitOnce = async () => {
        try {
          return await cell.client.createJob(descriptor, { idempotencyKey });
        } catch (error) {
          if (error instanceof UnreachableError) return undefined;
          throw error;
        }
      };
      await cell.local.kill('api');
      const creating = cell.until('the job is accepted', submitOnce);
      await cell.local.restart('api');
      const { id } = await creating;
      expect(await submitOnce()).toEqual({ id });
      await cell.until(`job ${id} ends`, async () => isJobOver(await cell.caller.find(id)));
      const { items } = await cell.client.findJobs({ fiterlingCriteria: { jobIds: id } });
      expect(items.map(({ jobState }) => jobState?.reason)).toEqual(['normal']);
    });

    it('carries out an order after the agent is back that was given while it was away', async () => {
      const { id, latest } = await submit(batch(shell('exec sleep 600'), { tasks: 2 }));
      await cell.until('both tasks run', () => runningTasks(latest()).length === 2);
      await cell.local.kill('agent');
      await cell.client.killJob(id);
      expect(await cell.containers()).toHaveLength(2);
      await cell.local.restart('agent');
      await cell.until('the job ends', () => latest().isFinal);
      expect(latest().job.tasks.map(codeIn)).toEqual(['killed', 'killed']);
      await cell.until('no container is left', async () => (await cell.containers()).length === 0);
    });
  },
);

/** Returns a function for the newest of the views. It rejects if the views fail. */
function latestOf(views: Observable<FollowedJob>): () => FollowedJob {
  let latest: FollowedJob | undefined;
  let failure: unknown;
  views.subscribe({
    next: (view) => {
      latest = view;
    },
    error: (error: unknown) => {
      failure = error;
    },
  });
  return () => {
    if (failure !== undefined) throw failure;
    return (
      latest ?? {
        job: {} as FollowedJob['job'],
        tasks: new Map(),
        changed: undefined,
        state: State.QUEUED,
        isFinal: false,
      }
    );
  };
}
