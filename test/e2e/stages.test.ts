import {
  JobManagementServiceService as methods,
  type Task,
} from '@berth/shared/gen/netflix/titus/titus_job_api';
import { State } from '@berth/shared/model/task/task-state';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mantis, ownPart, runs, shell, stateOf } from '../support/callers/jobs.js';
import { DockerCell, skipCellTests } from '../support/cells/docker-cell.js';

const onBridge = { parameters: { network: 'bridge' } };
/** Greets every client that connects. */
const greeter = 'while :; do echo "hello from stage $BERTH_STAGE" | nc -l -p 8080; done';
/** Prints its environment, asks its neighbour, and watches it with the tools of any image. */
const asker = [
  'echo "stage $BERTH_STAGE of $BERTH_STAGE_COUNT, index $BERTH_WORKER_INDEX, number $BERTH_WORKER_NUMBER"',
  'echo "previous=$BERTH_PREVIOUS_STAGE next=$BERTH_NEXT_STAGE"',
  // Between two greetings nobody listens for a moment.
  'IFS=:,; set -- $BERTH_PREVIOUS_STAGE; until nc $1 $2 < /dev/null; do sleep 0.1; done',
  'exec wget -q -O - "$BERTH_STAGES_ENDPOINT"',
].join('; ');

describe.skipIf(skipCellTests !== false)('the stages of a Mantis job on a real Docker engine', () => {
  let cell: DockerCell;

  beforeAll(async () => {
    const env = {
      master: { BERTH_MASTER_KILL_GRACE: '500ms' },
      agent: { BERTH_AGENT_ALLOW_HOST_NETWORK: '1' },
    };
    cell = await DockerCell.start({ env, admitsContainers: true });
  });
  afterAll(() => cell?.stop());

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
  /** Resolves with the output of the container, once it contains all of these parts. */
  const printed = (taskId: string, ...parts: readonly string[]) =>
    cell.until(`${taskId} prints ${parts.join(' and ')}`, async () => {
      const text = await cell.printed(taskId);
      return parts.every((part) => text.includes(part)) && text;
    });

  it('get the addresses of the earlier stage at their start, although all are submitted at once', async () => {
    const listening = { ...onBridge, resources: { cpu: '0.1', memory: '32', ports: '8080' } };
    const id = await cell.caller.create(
      mantis([
        { container: shell(greeter, listening), tasks: 2 },
        { container: shell(`env; ${asker}`, onBridge), tasks: 2 },
        { container: shell('env; exec sleep 600', onBridge) },
      ]),
    );
    const job = await cell.until('all stages run', async () => {
      const found = await cell.caller.find(id);
      return runs(5)(found) && found;
    });
    const at = (stage: number, port: string) =>
      job.tasks
        .filter(({ taskContext }) => taskContext['task.stage'] === String(stage))
        .toSorted((a, b) => (a.id < b.id ? -1 : 1))
        .map(({ taskContext }) => `${taskContext['task.containerIp']}${port}`)
        .join(',');
    expect(at(1, ':8080')).toMatch(/^\d+(\.\d+){3}:8080,\d+(\.\d+){3}:8080$/);
    for (const own of ['2-0-0', '2-1-0'])
      await printed(
        `${id}.${own}`,
        `BERTH_PREVIOUS_STAGE=${at(1, ':8080')}\n`,
        'hello from stage 1',
        'event: stage',
      );
    await printed(`${id}.3-0-0`, `BERTH_PREVIOUS_STAGE=${at(2, '')}\n`);
    await cell.caller.kill(id);
    await cell.until('no container is left', async () => (await cell.containers()).length === 0);
  });

  it('know each other, and a killed worker is replaced at its index with a greater number', async () => {
    const id = await cell.caller.create(
      mantis([
        {
          container: shell(greeter, {
            resources: { cpu: '0.1', memory: '32', ports: '8080' },
            ...onBridge,
          }),
        },
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
    const replacement = await workerOf(id, 2, asking.id);
    await printed(
      replacement.id,
      'stage 2 of 2, index 0, number 4',
      `previous=${again.taskContext['task.containerIp']}:8080`,
      'hello from stage 1',
    );
    await cell.caller.kill(id);
    await cell.until('no container is left', async () => (await cell.containers()).length === 0);
  });
});
