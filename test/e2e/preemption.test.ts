import { State } from '@berth/shared/model/task/task-state';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { batch, codeIn, isJobOver, ownPart, retries, runs, shell, stateOf } from '../support/callers/jobs.js';
import { DockerCell, skipCellTests } from '../support/cells/docker-cell.js';

/** Longer than a test lasts: nothing here ends because its time is over. */
const graceMs = 120_000;
/** Ends when the test says so, and not at SIGTERM: as finished (USR1), or as stopped at last (USR2). */
const stubborn =
  "trap 'echo leaving' TERM; trap 'exit 0' USR1; trap 'exit 143' USR2; echo ready; while :; do sleep 1 & wait $!; done";

describe.skipIf(skipCellTests !== false)('preemption on a real Docker engine', () => {
  let cell: DockerCell;

  beforeAll(async () => {
    cell = await DockerCell.start({
      env: {
        master: { BERTH_MASTER_PREEMPTION: 'on', BERTH_MASTER_KILL_GRACE: `${graceMs}ms` },
        agent: { BERTH_AGENT_CPU: '1', BERTH_AGENT_RESYNC: '1s' },
      },
    });
  });
  afterAll(() => cell?.stop());

  const jobOf = (cpu: string, tasks: number, tier: string) => ({
    ...batch(shell(stubborn, { resources: { cpu, memory: '32' } }), { tasks, retryPolicy: retries(0) }),
    labels: { 'berth.tier': tier },
  });
  const stateOfTask = async (id: string) => stateOf(await cell.caller.findTask(id));
  const printed = (text: string, id: string) =>
    cell.until(`${id} prints ${text}`, async () => (await cell.printed(id)).includes(text));
  const orders = (id: string) =>
    cell.events.seen.filter(
      ({ kind, taskId, attributes }) => kind === 'kill' && taskId === id && attributes.signal === '15',
    ).length;
  /** Lets a container end, and waits until the engine has told of it. */
  const letEnd = async (id: string, signal: 'SIGUSR1' | 'SIGUSR2') => {
    await cell.docker.getContainer(id).kill({ signal });
    await cell.until(`${id} exits`, () => placeOf('die', id) >= 0);
  };
  const placeOf = (kind: string, id: string) =>
    cell.events.seen.findIndex((event) => event.kind === kind && event.taskId === id);
  /** The ids of the job's tasks once all of them run and listen to signals. */
  const ready = async (jobId: string, tasks: number) => {
    const job = await cell.until(`${jobId} runs`, async () => {
      const now = await cell.caller.find(jobId);
      return runs(tasks)(now) && now;
    });
    const ids = job.tasks.filter((task) => stateOf(task) === State.RUNNING).map(({ id }) => id);
    for (const id of ids) await printed('ready', id);
    return ids.toSorted();
  };
  /** Two flex tasks that fill the agent, and are stopped for a critical one. */
  const preempted = async () => {
    const flex = await cell.caller.create(jobOf('0.5', 2, 'flex'));
    const victims = await ready(flex, 2);
    const critical = await cell.caller.create(jobOf('1', 1, 'critical'));
    for (const id of victims) await printed('leaving', id);
    const preemptor = await cell.until('the critical task is placed', async () => {
      const [task] = (await cell.caller.find(critical)).tasks;
      return task !== undefined && stateOf(task) === State.DISPATCHED && task;
    });
    expect(preemptor.state?.reason).toMatch(/^waiting: it starts once .* and 1 other have ended$/);
    const [first = '', second = ''] = victims;
    return { flex, critical, preemptor: preemptor.id, first, second };
  };
  const endOf = async (jobId: string) => {
    const job = await cell.until(`${jobId} ends`, async () => {
      const now = await cell.caller.find(jobId);
      return isJobOver(now) && now;
    });
    const tasks = job.tasks.toSorted((a, b) => (a.id < b.id ? -1 : 1));
    return [job.jobState?.reason, ...tasks.map((task) => `${ownPart(task)} ${codeIn(task)}`)];
  };
  /** The stopped flex job continues without the loss of a retry, and ends. */
  const endsInTheEnd = async (flex: string) => {
    for (const id of await ready(flex, 2)) await letEnd(id, 'SIGUSR1');
    expect(await endOf(flex)).toEqual([
      'normal',
      '0-0 preempted',
      '0-1 normal',
      '1-0 preempted',
      '1-1 normal',
    ]);
    await cell.until('no container is left', async () => (await cell.containers()).length === 0);
  };
  const isPreempted = (id: string) =>
    cell.until(`${id} is preempted`, async () => {
      const task = await cell.caller.findTask(id);
      return stateOf(task) === State.FAILED && codeIn(task) === 'preempted';
    });
  /** The critical task runs, and its container was made after those of the others had ended. */
  const takesOver = async ({ critical, preemptor, first, second }: Awaited<ReturnType<typeof preempted>>) => {
    expect(await ready(critical, 1)).toEqual([preemptor]);
    for (const id of [first, second]) {
      await isPreempted(id);
      expect(placeOf('die', id)).toBeLessThan(placeOf('create', preemptor));
    }
    expect(placeOf('die', first)).toBeGreaterThanOrEqual(0);
    await letEnd(preemptor, 'SIGUSR1');
    expect(await endOf(critical)).toEqual(['normal', '0-0 normal']);
  };

  it('starts the container of the critical task once those of all victims are gone', async () => {
    const all = await preempted();
    const { flex, preemptor, first, second } = all;
    await letEnd(first, 'SIGUSR2');
    await isPreempted(first);
    expect([await stateOfTask(second), await stateOfTask(preemptor)]).toEqual([
      State.RUNNING,
      State.DISPATCHED,
    ]);
    expect(placeOf('create', preemptor)).toBe(-1);
    await letEnd(second, 'SIGUSR2');
    await takesOver(all);
    expect([orders(first), orders(second)]).toEqual([1, 1]);
    await endsInTheEnd(flex);
  });

  it('waits for all victims, even if the agent is killed and one of them ends meanwhile', async () => {
    const all = await preempted();
    const { flex, preemptor, first, second } = all;
    await cell.local.kill('agent');
    await letEnd(first, 'SIGUSR2');
    await cell.local.restart('agent');
    await isPreempted(first);
    // The new process stops the other victim again: it knows the order, and still waits.
    await cell.until(`${second} gets the order again`, () => orders(second) === 2);
    expect([await stateOfTask(second), await stateOfTask(preemptor)]).toEqual([
      State.RUNNING,
      State.DISPATCHED,
    ]);
    expect(placeOf('create', preemptor)).toBe(-1);
    await letEnd(second, 'SIGUSR2');
    await takesOver(all);
    await endsInTheEnd(flex);
  });

  it('still stops the victims if the waiting critical task and then the agent are killed', async () => {
    const { flex, critical, first, second } = await preempted();
    await cell.caller.kill(critical);
    expect(await endOf(critical)).toEqual(['killed', '0-0 killed']);
    await cell.local.kill('agent');
    await cell.local.restart('agent');
    for (const id of [first, second]) {
      await cell.until(`${id} gets the order again`, () => orders(id) === 2);
      await letEnd(id, 'SIGUSR2');
      await isPreempted(id);
    }
    await endsInTheEnd(flex);
  });
});
