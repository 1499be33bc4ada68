import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { State } from '@berth/shared/model/task/task-state';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { batch, isJobOver, retries, runs, service, shell } from '../support/callers/jobs.js';
import { DockerCell, skipCellTests } from '../support/cells/docker-cell.js';
import { type BreakableSocket, breakableSocket } from '../support/engine/breakable-socket.js';
import { testDockerHost } from '../support/engine/docker.js';

/** The first attempt runs until its container is removed. The next one ends at once. */
const onlyFirst = 'case "$BERTH_TASK_ID" in *-0) exec sleep 600;; esac';

const isUnix = testDockerHost?.startsWith('unix://') ?? false;

describe.skipIf(skipCellTests !== false || !isUnix)(
  'a cell whose Docker engine goes away and comes back',
  () => {
    let cell: DockerCell;
    let socket: BreakableSocket;

    beforeAll(async () => {
      socket = await breakableSocket(testDockerHost ?? '');
      const agent = { DOCKER_HOST: socket.host };
      cell = await DockerCell.start({ env: { agent, master: { BERTH_MASTER_KILL_GRACE: '1s' } } });
    });
    afterAll(async () => {
      await cell?.stop();
      await socket?.remove();
    });

    const health = async () => {
      const answer = await fetch(`http://127.0.0.1:${cell.local.ports.agentHttp}/healthz`);
      return { status: answer.status, text: await answer.text() };
    };
    const end = (id: string) =>
      cell.until(`job ${id} ends`, async () => {
        const job = await cell.caller.find(id);
        return isJobOver(job) && job;
      });

    it('reports that in one sentence, leaves running containers alone, and later learns their ends', async () => {
      const lasting = await cell.caller.create(service(shell('exec sleep 600')));
      const failing = await cell.caller.create(batch(shell('sleep 1; exit 9')));
      const served = await cell.until('the service runs', async () => {
        const job = await cell.caller.find(lasting);
        return runs(1)(job) && job;
      });
      const [task] = (
        await cell.until('the batch runs', async () => {
          const job = await cell.caller.find(failing);
          return runs(1)(job) && job;
        })
      ).tasks;
      await socket.cut();
      const ill = await cell.until('the agent has noticed', async () => {
        const now = await health();
        return now.status === 503 && now.text;
      });
      expect(ill).toMatch(/Docker/);
      // Jobs that are submitted in the meantime wait for the engine.
      const late = await cell.caller.create(batch(shell('true'), { retryPolicy: retries(0) }));
      await cell.until('the container ends', async () => !(await cell.inspect(task?.id ?? '')).State.Running);
      await socket.mend();
      expect((await end(failing)).tasks.map(({ state }) => state?.reason)).toEqual(['failed: exit code 9']);
      expect((await end(late)).jobState).toEqual({ state: State.FINISHED, reason: 'normal' });
      expect((await cell.caller.find(lasting)).tasks).toEqual(served.tasks);
      await cell.until('the agent is well again', async () => (await health()).status === 200);
      const log = await readFile(join(cell.local.logsDir, 'agent.log'), 'utf8');
      const warnings = log
        .split('\n')
        .filter((line) => line.includes('"level":40') && line.includes('Docker'));
      expect(warnings).toHaveLength(1);
      await cell.caller.kill(lasting);
      await end(lasting);
    });

    it('starts no container a second time that was removed while the agent was away', async () => {
      const id = await cell.caller.create(batch(shell(onlyFirst), { retryPolicy: retries(0) }));
      const [task] = (
        await cell.until('the batch runs', async () => {
          const job = await cell.caller.find(id);
          return runs(1)(job) && job;
        })
      ).tasks;
      const taskId = task?.id ?? '';
      await cell.local.kill('agent');
      await cell.docker.getContainer(taskId).remove({ force: true });
      await cell.local.restart('agent');
      expect((await end(id)).jobState).toEqual({ state: State.FINISHED, reason: 'normal' });
      expect((await cell.caller.findTask(taskId)).state?.reason).toMatch(
        /^systemError: .*removed its container/,
      );
    });
  },
);
