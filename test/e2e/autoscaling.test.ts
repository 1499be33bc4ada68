import { ScalingCalls } from '@berth/client';
import type { Job } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { State } from '@berth/shared/model/task/task-state';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Descriptor, runs, shell, tasksIn } from '../support/callers/jobs.js';
import { DockerCell, skipCellTests } from '../support/cells/docker-cell.js';

/** Keeps its tenth of a core busy until the file /tmp/rest exists. */
const busyUntilRest = 'while :; do if [ -e /tmp/rest ]; then sleep 1; fi; done';
const out = 'avg(CPUUtilization) > 80%';
const back = 'avg(CPUUtilization) < 20%';

describe.skipIf(skipCellTests !== false)('autoscaling of real containers', () => {
  let cell: DockerCell;
  let calls: ScalingCalls;

  beforeAll(async () => {
    cell = await DockerCell.start({
      env: {
        master: { BERTH_MASTER_SCALING_INTERVAL: '500ms', BERTH_MASTER_KILL_GRACE: '500ms' },
        agent: { BERTH_AGENT_SAMPLE_INTERVAL: '500ms' },
      },
    });
    calls = new ScalingCalls({
      addresses: [cell.local.api.grpc],
      caller: { id: 'test', email: 'test@example.com' },
    });
  });
  afterAll(async () => {
    calls?.close();
    await cell?.stop();
  });

  const scaled = (): Descriptor => ({
    appName: 'scaled',
    containers: { main: shell(busyUntilRest) },
    jobSpec: {
      $case: 'service',
      value: {
        instances: { min: 1, max: 3, desired: 1 },
        scalingPolices: [
          {
            condition: out,
            action: 'addInstances 1',
            durationSecs: 1,
            labels: { 'berth.coolDownSecs': '2' },
          },
          {
            condition: back,
            action: 'removeInstances 1',
            durationSecs: 1,
            labels: { 'berth.coolDownSecs': '2' },
          },
        ],
      },
    },
  });

  const until = (id: string, what: string, condition: (job: Job) => boolean) =>
    cell.until(`job ${id} ${what}`, async () => {
      const job = await cell.caller.find(id);
      return condition(job) && job;
    });

  const rest = async (taskId: string) => {
    const exec = await cell.docker.getContainer(taskId).exec({ Cmd: ['touch', '/tmp/rest'] });
    await exec.start({ Detach: true });
  };

  it('adds tasks to a service under a real processor load, and removes them when the load is gone', async () => {
    const id = await cell.caller.create(scaled());
    const busy = await until(id, 'grows to three tasks', runs(3));
    for (const task of tasksIn(busy, State.RUNNING)) await rest(task.id);
    await until(id, 'shrinks to one task', runs(1));
    const { decisions } = await calls.explainScaling(id, { listenMs: 0 });
    expect(decisions.map(({ policy, from, to }) => [policy, from, to])).toEqual([
      [out, 1, 2],
      [out, 2, 3],
      [back, 3, 2],
      [back, 2, 1],
    ]);
    for (const { policy, values } of decisions) {
      const used = values['avg(CPUUtilization)'];
      if (policy === out) expect(used).toBeGreaterThan(80);
      else expect(used).toBeLessThan(20);
    }
    await cell.caller.kill(id);
    await cell.until('the containers are gone', async () => (await cell.containers()).length === 0);
  });
});
