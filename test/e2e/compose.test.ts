import { BerthClient } from '@berth/client';
import { dockerClient } from '@berth/local/engine/docker-client';
import { runChecked } from '@berth/local/machine/command';
import { berthDir, repoRoot } from '@berth/local/machine/paths';
import { freePorts } from '@berth/local/machine/ports';
import { State } from '@berth/shared/model/task/task-state';
import { filter, firstValueFrom, lastValueFrom, shareReplay, takeUntil, timer } from 'rxjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ComposeCommand, obtainCompose } from '../support/compose/compose-command.js';
import { ownProject, removeDeadProjects } from '../support/compose/compose-leftovers.js';
import { ComposeProject } from '../support/compose/compose-project.js';
import { importNodeImage, importRedisImage } from '../support/engine/base-image.js';
import { waitFor } from '../support/process/wait-for.js';

const unix = 'unix://';
const dockerHost = process.env.DOCKER_HOST ?? '';
const redisServer = process.env.BERTH_TEST_REDIS_SERVER ?? '';
const taskImage = process.env.BERTH_TEST_IMAGE ?? '';
const inCi = !['', '0', 'false'].includes(process.env.CI ?? '');

const compose = dockerHost === '' ? undefined : await obtainCompose(berthDir);
const missing = findMissing();
if (missing !== undefined) console.warn(`Skipping the tests of docker-compose.yml: ${missing}.`);

function findMissing(): string | undefined {
  if (process.env.BERTH_TEST_NO_DOCKER) return process.env.BERTH_TEST_NO_DOCKER;
  if (dockerHost === '' || taskImage === '' || redisServer === '') {
    return 'DOCKER_HOST, BERTH_TEST_IMAGE and BERTH_TEST_REDIS_SERVER are not all set (run npm test)';
  }
  if (!dockerHost.startsWith(unix)) return `the engine at ${dockerHost} is not this machine's`;
  return compose === undefined ? 'there is neither `docker compose` nor `docker-compose`' : undefined;
}

const id = ownProject;
const images = { node: `${id}/node:20`, redis: `${id}/redis:7`, berth: `${id}/berth:test` };
const masters = ['master-1', 'master-2'] as const;
const gateways = ['gateway-1', 'gateway-2'] as const;
const services = ['redis', ...masters, ...gateways, 'agent-1'];
const docker = dockerClient(dockerHost);

describe.skipIf(missing !== undefined && !inCi)('the composition', () => {
  let project: ComposeProject;
  let grpc: Record<(typeof gateways)[number], string>;
  let stagesBefore: string[] = [];
  const clients: BerthClient[] = [];

  beforeAll(async () => {
    if (compose === undefined || missing !== undefined) throw new Error(missing);
    await removeDeadProjects(docker);
    stagesBefore = await buildStages();
    const [grpc1 = 0, grpc2 = 0, ...others] = await freePorts(6);
    grpc = { 'gateway-1': `127.0.0.1:${grpc1}`, 'gateway-2': `127.0.0.1:${grpc2}` };
    project = composition(compose, [grpc1, grpc2, ...others]);
    await Promise.all([
      runChecked('npm', ['run', 'image'], { cwd: repoRoot }),
      importNodeImage(docker, images.node),
      importRedisImage(docker, images.redis, redisServer),
    ]);
    await project.run('up', '--detach', '--build');
    await project.healthy(services);
  });

  afterAll(async () => {
    if (missing !== undefined) return;
    for (const client of clients) client.close();
    await project?.run('down', '--volumes', '--timeout', '1');
    await removeTaskContainers();
    await removeImages(stagesBefore);
  });

  function connect(...addresses: string[]): BerthClient {
    const client = BerthClient.connect({ addresses });
    clients.push(client);
    return client;
  }

  it('finishes a job although the leading master and the gateway in use are killed', async () => {
    const client = connect(grpc['gateway-1'], grpc['gateway-2']);
    const leader = await leadingMaster();
    const job = await client.createJob(batchJob());
    // If the job does not end in time, the last view shows its progress.
    const views = client
      .followJob(job)
      .pipe(takeUntil(timer(jobTimeoutMs)), shareReplay({ bufferSize: 1, refCount: true }));
    const end = lastValueFrom(views);
    await firstValueFrom(views.pipe(filter(({ state }) => state === State.RUNNING)));
    await Promise.all([kill(leader), kill('gateway-1')]);
    expect((await firstValueFrom(views)).isFinal).toBe(false);
    const { state, isFinal, tasks } = await end;
    expect({ state, isFinal }).toEqual({ state: State.FINISHED, isFinal: true });
    const outcomes = [...tasks.values()].map((task) => [task.state?.state, task.state?.reason.split(':')[0]]);
    // A task that ran twice, or once more, would be one more task.
    expect(outcomes).toEqual(Array.from({ length: taskCount }, () => [State.FINISHED, 'normal']));
    expect(await leadingMaster()).not.toBe(leader);
  });

  it('restarts the killed processes, and the restarted gateway knows the job', async () => {
    await project.run('up', '--detach');
    await project.healthy(services);
    const { items } = await connect(grpc['gateway-1']).findJobs();
    expect(items.map(({ jobState }) => jobState?.state)).toEqual([State.FINISHED]);
  });

  it('has the berth command in its containers', async () => {
    const printed = await project.exec('gateway-2', 'berth', 'ps', '--all', '-o', 'json');
    expect(printed).toContain(appName);
  });

  it('leaves nothing behind when it is taken down', async () => {
    await waitFor(async () => (await taskContainers()).length === 0, {
      what: 'the agent has removed the containers',
    });
    await project.run('down', '--volumes');
    expect(await project.leftovers()).toEqual([]);
  });

  async function kill(service: string): Promise<void> {
    await (await project.container(service)).kill({ signal: 'SIGKILL' });
  }

  /** The master that says so of itself; a new one needs some time until it leads. */
  function leadingMaster(): Promise<string> {
    const script = "fetch('http://127.0.0.1:7280/metrics').then(async (r) => console.log(await r.text()))";
    const isLeading = async (master: string) => {
      const { State: status } = await (await project.container(master)).inspect();
      return (
        status.Running &&
        /^berth_master_leader\S* 1\s*$/m.test(await project.exec(master, 'node', '-e', script))
      );
    };
    const find = async () => {
      const leading = await Promise.all(masters.map(isLeading));
      return masters.find((_, index) => leading[index]);
    };
    return waitFor(find, { what: 'a master leads', intervalMs: 100 });
  }
});

function composition(command: ComposeCommand, ports: readonly number[]): ComposeProject {
  const names = ['GRPC', 'JOBV1', 'HTTP'].flatMap((kind) =>
    [1, 2].map((n) => `BERTH_GATEWAY_${n}_${kind}_PORT`),
  );
  const env = {
    ...Object.fromEntries(names.map((name, index) => [name, String(ports[index])])),
    BERTH_BASE_IMAGE: images.node,
    BERTH_REDIS_IMAGE: images.redis,
    BERTH_IMAGE: images.berth,
    BERTH_CELL: id,
    BERTH_AGENT_ID: `${id}-agent`,
    BERTH_DOCKER_SOCKET: dockerHost.slice(unix.length),
  };
  return new ComposeProject({ compose: command, docker, name: id, env });
}

const taskCount = 6;
const jobTimeoutMs = 60_000;
const appName = 'compose-test';

/** Its tasks run for longer than the test needs to kill the processes. */
function batchJob(): Parameters<BerthClient['createJob']>[0] {
  const container = {
    image: { name: taskImage },
    resources: { cpu: '0.1', memory: '16' },
    entryPoint: ['/bin/sh', '-c'],
    command: ['sleep 4'],
  };
  return {
    appName,
    owner: { ownerEmail: 'test@example.com', teamEmail: 'test@example.com' },
    containers: { main: container },
    jobSpec: {
      $case: 'batch',
      value: {
        instances: { desired: taskCount },
        runtimeLimitSecs: 60,
        retryPolicy: { policy: { $case: 'immediate', value: { retries: 1 } } },
        containerId: 'main',
      },
    },
  };
}

async function taskContainers(): Promise<string[]> {
  const found = await docker.listContainers({ all: true, filters: { label: [`berth.cell=${id}`] } });
  return found.map(({ Id }) => Id);
}

/** There are some only if a test failed. */
async function removeTaskContainers(): Promise<void> {
  for (const found of await taskContainers()) await docker.getContainer(found).remove({ force: true });
}

/** The classic builder keeps its build stage, without a name, to build faster the next time. */
async function buildStages(): Promise<string[]> {
  const filters = { dangling: ['true'], label: ['berth.image.stage=build'] };
  return (await docker.listImages({ filters })).map(({ Id }) => Id);
}

async function removeImages(stagesBefore: readonly string[]): Promise<void> {
  // A step that failed leaves its container.
  const failed = { label: ['berth.image.stage=build'], status: ['exited'] };
  for (const { Id } of await docker.listContainers({ all: true, filters: failed })) {
    await docker.getContainer(Id).remove({ force: true });
  }
  const stages = (await buildStages()).filter((stage) => !stagesBefore.includes(stage));
  const reference = Object.values(images);
  const named = (await docker.listImages({ filters: { reference } })).flatMap(
    ({ RepoTags }) => RepoTags ?? [],
  );
  for (const image of [...stages, ...named]) await docker.getImage(image).remove({ force: true });
}
