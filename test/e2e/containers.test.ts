import { freePort } from '@berth/local/machine/ports';
import {
  JobDescriptor,
  JobManagementServiceService as methods,
} from '@berth/shared/gen/netflix/titus/titus_job_api';
import { State } from '@berth/shared/model/task/task-state';
import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  batch,
  codeIn,
  type Descriptor,
  isJobOver,
  service,
  shell,
  stateOf,
  tasksIn,
} from '../support/callers/jobs.js';
import { DockerCell, skipCellTests } from '../support/cells/docker-cell.js';
import { testImage } from '../support/engine/docker.js';
import { type EmptyRegistry, startEmptyRegistry } from '../support/registry/empty-registry.js';

const graceMs = 1_500;
/** Prints "ready" once its trap is set, since a container needs a short time for that. */
const untilStopped = 'echo ready; while :; do sleep 1 & wait; done';
const ranOut = 'tail /dev/zero; code=$?; sleep 1; exit $code';

describe.skipIf(skipCellTests !== false)('containers on a real Docker engine', () => {
  let cell: DockerCell;
  let registry: EmptyRegistry;

  beforeAll(async () => {
    registry = await startEmptyRegistry();
    cell = await DockerCell.start({ env: { master: { BERTH_MASTER_KILL_GRACE: `${graceMs}ms` } } });
  });
  afterAll(async () => {
    await cell?.stop();
    await registry?.close();
  });

  const create = (descriptor: Descriptor) => cell.caller.create(descriptor);
  const end = (id: string) =>
    cell.until(`job ${id} ends`, async () => {
      const job = await cell.caller.find(id);
      return isJobOver(job) && job;
    });
  const running = (id: string) =>
    cell.until(`job ${id} runs`, async () => tasksIn(await cell.caller.find(id), State.RUNNING)[0]);
  /** The id of the job's task once its container has printed something. */
  const ready = async (jobId: string) => {
    const { id } = await running(jobId);
    await cell.until(`${id} prints`, async () => (await cell.printed(id)) !== '');
    return id;
  };
  const killTask = async (id: string) => {
    await cell.caller.killTask(id);
    return cell.until(`task ${id} ends`, async () => {
      const task = await cell.caller.findTask(id);
      return stateOf(task) >= State.FINISHED && task;
    });
  };
  /** The signals that the engine has sent to a container, by number, and the exit code it ended with. */
  const signalsTo = async (taskId: string) => {
    const ofTask = (kind: string) =>
      cell.events.seen.filter((event) => event.kind === kind && event.taskId === taskId);
    await cell.until('the engine tells of its end', () => ofTask('die').length > 0);
    const signals = ofTask('kill').map(({ attributes }) => attributes.signal);
    return { signals, exitCode: ofTask('die')[0]?.attributes.exitCode };
  };

  it.each([
    ['exits with 0', shell('exit 0'), State.FINISHED, /^normal$/],
    ['exits with 3', shell('exit 3'), State.FAILED, /^failed: exit code 3$/],
    [
      'is killed by a signal of its own',
      shell('kill -9 $$'),
      State.FAILED,
      /^failed: SIGKILL \(exit code 137\)$/,
    ],
    [
      'needs more memory than it may have',
      // The container lives on for a short time. Otherwise it can be gone before Docker learns the cause.
      shell(ranOut, { resources: { cpu: '0.5', memory: '16MiB' } }),
      State.FAILED,
      /^oom: killed at its memory limit of 16 MiB$/,
    ],
    [
      'names a command that is not there',
      { image: { name: testImage }, entryPoint: ['/bin/nonesuch'], resources: { cpu: '0.1', memory: '32' } },
      State.FAILED,
      /^invalidRequest: .*nonesuch.*$/,
    ],
    [
      'names a command that cannot be executed',
      { image: { name: testImage }, entryPoint: ['/bin'], resources: { cpu: '0.1', memory: '32' } },
      State.FAILED,
      /^invalidRequest: /,
    ],
  ])('a container that %s ends with that reason', async (_, container, state, reason) => {
    const { tasks, jobState } = await end(await create(batch(container)));
    expect(jobState?.state).toBe(state);
    expect(tasks.map((task) => task.state?.reason)).toEqual([expect.stringMatching(reason)]);
  });

  it('an image that is missing in its registry is refused at once', async () => {
    const image = { name: `${registry.host}/none:1` };
    const request = JobDescriptor.fromPartial(batch(shell('exit 0', { image })));
    const { status: code, fields } = await cell.caller.failure(methods.createJob, request);
    expect([code, fields]).toEqual([status.INVALID_ARGUMENT, ['containers["main"].image.name']]);
  });

  it('an image that has left its registry fails the task as a fault of the request', async () => {
    const image = { name: `${registry.host}/none:1`, imageId: `sha256:${'0'.repeat(64)}` };
    const { tasks } = await end(await create(batch(shell('exit 0', { image }))));
    expect(tasks.map((task) => [stateOf(task), codeIn(task)])).toEqual([[State.FAILED, 'invalidRequest']]);
    expect(tasks[0]?.state?.reason).toContain(`${registry.host}/none@${image.imageId}`);
  });

  it('a container gets its entry point, command, environment and labels from the job', async () => {
    const container = {
      image: { name: testImage },
      resources: { cpu: '0.1', memory: '32' },
      entryPoint: ['/bin/sh', '-c', 'echo "$0|$1|$GREETING|$BERTH_TASK_INDEX"; exec sleep 600'],
      command: ['zero', 'one two'],
      env: { GREETING: 'hello  world' },
    };
    const id = await create(service(container));
    const task = await running(id);
    const printed = await cell.until(
      'it has printed',
      async () => (await cell.printed(task.id)) || undefined,
    );
    expect(printed).toBe('zero|one two|hello  world|0\n');
    const { Config } = await cell.inspect(task.id);
    expect(Config.Labels).toMatchObject({
      'berth.job': id,
      'berth.task': task.id,
      'berth.cell': cell.local.cell,
    });
    expect(Config.Env).toEqual(expect.arrayContaining([`BERTH_TASK_ID=${task.id}`, `BERTH_JOB_ID=${id}`]));
    expect(task.taskContext['agent.id']).toBe(cell.local.agentIds[0]);
    await cell.caller.kill(id);
    await end(id);
  });

  it('a container has the requested limits', async () => {
    const resources = { cpu: '0.25', memory: '48' };
    const id = await create(service(shell('exec sleep 600', { resources })));
    const { HostConfig } = await cell.inspect((await running(id)).id);
    expect(HostConfig.NanoCpus).toBe(250_000_000);
    expect(HostConfig.Memory).toBe(48_000_000);
    expect(HostConfig.MemorySwap).toBe(HostConfig.Memory);
    await cell.caller.kill(id);
    await end(id);
  });

  it('a container is reachable at the host ports of its task', async () => {
    const resources = { cpu: '0.1', memory: '32', ports: '8080,8081' };
    const serve =
      'mkdir /a /b; echo a > /a/index.html; echo b > /b/index.html; httpd -p 8080 -h /a; exec httpd -f -p 8081 -h /b';
    const id = await create(service(shell(serve, { resources })));
    const { taskContext } = await running(id);
    const ports = new Map(
      (taskContext['task.hostPorts'] ?? '').split(',').map((pair) => pair.split(':') as [string, string]),
    );
    expect([...ports.keys()]).toEqual(['8080', '8081']);
    const read = (port: string) =>
      cell.until(`port ${port} answers`, async () => {
        const answer = await fetch(`http://127.0.0.1:${ports.get(port)}/`).catch(() => undefined);
        return answer?.ok === true && answer.text();
      });
    expect(await Promise.all(['8080', '8081'].map(read))).toEqual(['a\n', 'b\n']);
    expect(taskContext['task.containerIp']).toMatch(/^\d+\.\d+\.\d+\.\d+$/);
    await cell.caller.kill(id);
    await end(id);
  });

  it('containers have the port of the host that they chose, one at a time, and ports of UDP', async () => {
    const hostPort = await freePort();
    const resources = { cpu: '0.1', memory: '32', ports: `${hostPort}:80,53/udp` };
    const serve = 'mkdir /a; echo a > /a/index.html; exec httpd -f -p 80 -h /a';
    const container = shell(serve, { resources });
    const id = await create(service(container, { tasks: 2 }));
    const task = await running(id);
    expect(task.taskContext['task.hostPorts']).toMatch(new RegExp(`^53:\\d+/udp,80:${hostPort}$`));
    const { HostConfig, NetworkSettings } = await cell.inspect(task.id);
    expect(HostConfig.PortBindings).toMatchObject({
      '80/tcp': [{ HostPort: `${hostPort}` }],
      '53/udp': [{}],
    });
    expect(NetworkSettings.Ports['53/udp']?.[0]?.HostPort).toMatch(/^\d+$/);
    const answer = await cell.until('the chosen port answers', async () => {
      const page = await fetch(`http://127.0.0.1:${hostPort}/`).catch(() => undefined);
      return page?.ok === true && page.text();
    });
    expect(answer).toBe('a\n');
    const waiting = (await cell.caller.find(id)).tasks.find((each) => each.id !== task.id);
    expect(waiting?.state).toEqual({
      state: State.QUEUED,
      reason: `waiting: port ${hostPort}/tcp is taken on 1 agent by ${task.id}`,
    });
    await cell.caller.kill(id);
    await end(id);
  });

  it('a container gets SIGTERM first, and may end by itself', async () => {
    const id = await create(batch(shell(`trap 'exit 0' TERM; ${untilStopped}`)));
    const task = await killTask(await ready(id));
    expect(task.state).toEqual({ state: State.FINISHED, reason: 'killed' });
    await end(id);
    expect(await signalsTo(task.id)).toEqual({ signals: ['15'], exitCode: '0' });
  });

  it('a container that ignores SIGTERM gets SIGKILL after the grace', async () => {
    const id = await create(batch(shell(`trap '' TERM; ${untilStopped}`)));
    const taskId = await ready(id);
    const before = Date.now();
    const task = await killTask(taskId);
    expect(task.state).toEqual({ state: State.FINISHED, reason: 'killed' });
    expect(Date.now() - before).toBeGreaterThanOrEqual(graceMs);
    await end(id);
    expect(await signalsTo(taskId)).toEqual({ signals: ['15', '9'], exitCode: '137' });
  });

  it('a container ends at the runtime limit of its job', async () => {
    const { tasks, jobState } = await end(
      await create(batch(shell('exec sleep 600'), { runtimeLimitSecs: 1 })),
    );
    expect(jobState?.state).toBe(State.FAILED);
    expect(tasks.map(codeIn)).toEqual(['runtimeLimitExceeded']);
  });

  it('a container is removed after its task has ended', async () => {
    await cell.until('all containers are removed', async () => (await cell.containers()).length === 0);
  });
});
