import {
  JobManagementServiceService as methods,
  type Task,
} from '@berth/shared/gen/netflix/titus/titus_job_api';
import { State } from '@berth/shared/model/task-state';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CuttableProxy, startCuttableProxy } from '../support/cuttable-proxy.js';
import { DockerCell, skipCellTests } from '../support/docker-cell.js';
import { mantis, ownPart, shell, stateOf } from '../support/jobs.js';

/** Says hello to whoever connects. */
const greeter = 'while :; do echo "hello from stage $BERTH_STAGE" | nc -l -p 8080; done';
/** Tells what it was told, asks its neighbour, and watches it with what any image has. */
const asker = [
  'echo "stage $BERTH_STAGE of $BERTH_STAGE_COUNT, index $BERTH_WORKER_INDEX, number $BERTH_WORKER_NUMBER"',
  'echo "previous=$BERTH_PREVIOUS_STAGE next=$BERTH_NEXT_STAGE"',
  'IFS=:; set -- $BERTH_PREVIOUS_STAGE; nc $1 $2 < /dev/null',
  'exec wget -q -O - "$BERTH_STAGES_ENDPOINT"',
].join('; ');

describe.skipIf(skipCellTests !== false)('the stages of a Mantis job on a real Docker engine', () => {
  let cell: DockerCell;
  /** The gateway's address has to be known before it is started. */
  let proxy: CuttableProxy;

  beforeAll(async () => {
    proxy = await startCuttableProxy(0);
    const master = { BERTH_MASTER_KILL_GRACE: '500ms', BERTH_MASTER_API_URL: `http://${proxy.address}` };
    cell = await DockerCell.start({ env: { master, agent: { BERTH_AGENT_ALLOW_HOST_NETWORK: '1' } } });
    proxy.target = Number(cell.local.api.http.split(':').at(-1));
  });
  afterAll(async () => {
    await cell?.stop();
    await proxy?.close();
  });

  const scaleStage = (jobId: string, stage: number, desired: number) =>
    cell.caller.call(
      methods.updateJobInstances,
      { jobId, instances: { min: undefined, max: undefined, desired } },
      { headers: { 'berth.stage': String(stage) } },
    );
  /** The task of a stage of one that runs, and is not the one that was there before. */
  const workerOf = async (jobId: string, stage: number, before = ''): Promise<Task> =>
    cell.until(`stage ${stage} runs`, async () => {
      const { tasks } = await cell.caller.find(jobId);
      const ofStage = tasks.filter((task) => task.taskContext['task.stage'] === String(stage));
      return ofStage.find((task) => stateOf(task) === State.RUNNING && task.id !== before);
    });
  /** What the container has printed, once it has printed all of these. */
  const printed = (taskId: string, ...parts: readonly string[]) =>
    cell.until(`${taskId} prints ${parts.join(' and ')}`, async () => {
      const text = await cell.printed(taskId);
      return parts.every((part) => text.includes(part)) && text;
    });

  it('know each other, and a worker that is killed comes again at its index with a greater number', async () => {
    const id = await cell.caller.create(
      mantis([
        {
          container: shell(greeter, {
            resources: { cpu: '0.1', memory: '32', ports: '8080' },
            parameters: { network: 'bridge' },
          }),
        },
        // On the host's network it reaches the gateway, which listens on the loopback address.
        { container: shell(asker, { parameters: { network: 'host' } }), tasks: 0 },
      ]),
    );
    const greeting = await workerOf(id, 1);
    const address = `${greeting.taskContext['task.containerIp']}:8080`;
    await scaleStage(id, 2, 1);
    const asking = await workerOf(id, 2);
    expect(ownPart(asking)).toBe('2-0-0');
    const text = await printed(asking.id, 'hello from stage 1', 'event: stage');
    expect(text).toContain('stage 2 of 2, index 0, number 2');
    expect(text).toContain(`previous=${address} next=\n`);
    expect(text).toContain(greeting.id);

    await cell.caller.killTask(greeting.id);
    const again = await workerOf(id, 1, greeting.id);
    expect(again.taskContext).toMatchObject({ 'task.workerIndex': '0', 'task.workerNumber': '3' });
    // The one that watches learns of it.
    await printed(asking.id, again.id);

    await cell.caller.killTask(asking.id);
    const successor = await workerOf(id, 2, asking.id);
    await printed(
      successor.id,
      'stage 2 of 2, index 0, number 4',
      `previous=${again.taskContext['task.containerIp']}:8080`,
      'hello from stage 1',
    );
    await cell.caller.kill(id);
    await cell.until('no container is left', async () => (await cell.containers()).length === 0);
  });
});
