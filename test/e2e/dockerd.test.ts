import { State } from '@berth/shared/model/task/task-state';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { batch, codeIn, isJobOver, retries, runs, service, shell } from '../support/callers/jobs.js';
import { DockerCell, skipCellTests } from '../support/cells/docker-cell.js';
import { skipDockerTests } from '../support/engine/docker.js';
import { engineNeeds, type OwnEngine, startOwnEngine } from '../support/engine/own-engine.js';

/**
 * The first attempt at each slot (its task's id ends in 0) runs until its engine stops; the next attempt
 * ends at once. So no interrupted task can have ended by itself before, even on a slow machine.
 */
const firstTimeForEver = 'case "$BERTH_TASK_ID" in *-0) exec sleep 600;; esac';

const needs = skipDockerTests === false ? await engineNeeds() : undefined;
if (needs === undefined)
  console.warn('Skipping the test that kills a Docker engine: none of its own can be started here.');

/** As above, but the first attempt handles SIGTERM and ends with that exit code. */
const untilTerm = (code: number) =>
  `case "$BERTH_TASK_ID" in *-0) trap 'exit ${code}' TERM; while :; do sleep 0.1; done;; esac`;

describe.skipIf(skipCellTests !== false || needs === undefined)(
  'a cell whose Docker engine is killed',
  () => {
    let engine: OwnEngine;
    let cell: DockerCell;

    beforeAll(async () => {
      if (needs === undefined) throw new Error('an engine of its own is needed');
      engine = await startOwnEngine(needs);
      cell = await DockerCell.start({ dockerHost: engine.host });
    });
    afterAll(async () => {
      await cell?.stop();
      await engine?.remove();
    });

    it.each(['kill', 'shutDown'] as const)(
      'has its service and its batch going again once the engine is back, no retry spent: %s',
      async (away) => {
        const serving = await cell.caller.create(service(shell('exec sleep 600'), { tasks: 2 }));
        const working = await cell.caller.create(
          batch(shell(firstTimeForEver), { tasks: 2, retryPolicy: retries(0) }),
        );
        const interrupted = await cell.until('all run', async () => {
          const jobs = await Promise.all([cell.caller.find(serving), cell.caller.find(working)]);
          return jobs.every(runs(2)) && jobs.flatMap(({ tasks }) => tasks);
        });
        await engine[away]();
        const late = await cell.caller.create(batch(shell('true')));
        await engine.restart();
        for (const id of [working, late]) {
          const { jobState } = await cell.until(`job ${id} ends`, async () => {
            const job = await cell.caller.find(id);
            return isJobOver(job) && job;
          });
          expect(jobState).toEqual({ state: State.FINISHED, reason: 'normal' });
        }
        await cell.until('the service is whole', async () => runs(2)(await cell.caller.find(serving)));
        await cell.until(
          'only the service has containers',
          async () => (await cell.containers()).length === 2,
        );
        const ended = await Promise.all(interrupted.map(({ id }) => cell.caller.findTask(id)));
        expect(ended.map(codeIn)).toEqual(interrupted.map(() => 'systemError'));
        await cell.caller.kill(serving);
      },
    );

    it.each([
      ['an agent that sees it', false],
      ['an agent that is restarted with it', true],
    ])('counts no exit code of a program that its engine stopped, with %s', async (_, restartsAgent) => {
      const codes = [0, 1];
      const jobs = await Promise.all(
        codes.map((code) => cell.caller.create(batch(shell(untilTerm(code)), { retryPolicy: retries(0) }))),
      );
      const find = () => Promise.all(jobs.map((id) => cell.caller.find(id)));
      const before = await cell.until('all run', async () => {
        const found = await find();
        return found.every(runs(1)) && found;
      });
      if (restartsAgent) await cell.local.kill('agent');
      await engine.shutDown();
      await engine.restart();
      if (restartsAgent) await cell.local.restart('agent');
      const after = await cell.until('all end', async () => {
        const found = await find();
        return found.every(isJobOver) && found;
      });
      expect(after.map(({ jobState }) => jobState)).toEqual(
        codes.map(() => ({ state: State.FINISHED, reason: 'normal' })),
      );
      const interrupted = await Promise.all(
        before.flatMap(({ tasks }) => tasks.map(({ id }) => cell.caller.findTask(id))),
      );
      expect(interrupted.map(codeIn)).toEqual(codes.map(() => 'systemError'));
    });
  },
);
