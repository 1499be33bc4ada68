/*
 * Measures the time until containers run: through Berth, through dockerode alone, and as a service of
 * Docker's own Swarm, on the same engine, alternating in one run. Also measures Berth's share of a single
 * launch and of a CreateJob, and its load on an idle machine.
 */
import { BerthClient } from '@berth/client';
import { type LocalCell, startCell } from '@berth/local/cell/local-cell';
import { dockerClient } from '@berth/local/engine/docker-client';
import { systemClock } from '@berth/shared/process/clock';
import type Docker from 'dockerode';
import { atEnd } from './ending.js';
import { launchBerth, launchSingle, RunningWatch, type SingleLaunch } from './launch/berth.js';
import { type DockerTimer, startDockerTimer } from './launch/docker-timer.js';
import { type IdleUse, measureIdle } from './launch/idle.js';
import { launchRaw } from './launch/raw.js';
import { launchSwarm, withSwarm } from './launch/swarm.js';
import type { LaunchTimes } from './launch/times.js';
import { oversizedJob } from './launch/workload.js';
import { benchOptions, count } from './options.js';
import {
  atMost,
  atMostTimes,
  type BenchRow,
  machineConditions,
  median,
  noted,
  printReport,
  quantile,
} from './report.js';

const rawInFlight = [1, 2, 4, 8] as const;
const idleSpanMs = 20_000;
/** The time in which new services compile the code that they repeat. An idle cell does not do that. */
const settleMs = 20_000;
const createJobs = 200;
const warmUps = 3;
/** The first hundreds of calls run code that is not compiled yet; a gateway answers for weeks. */
const createWarmUps = 200;

const { rounds, containers, singles } = benchOptions('launch', {
  rounds: count('how often each contestant starts all containers', 3),
  containers: count('containers of each round', 60),
  singles: count('launches that are looked at one by one', 20),
});
const image = process.env.BERTH_TEST_IMAGE ?? 'berth/busybox:1';
const dockerHost = process.env.DOCKER_HOST ?? 'unix:///var/run/docker.sock';

interface Measured {
  readonly launches: ReadonlyMap<string, readonly LaunchTimes[]>;
  readonly singles: readonly (SingleLaunch & { readonly dockerMs: number })[];
  readonly createJobMs: readonly number[];
  readonly idle: IdleUse;
}

async function main(): Promise<void> {
  const docker = dockerClient(dockerHost);
  const alone = await withCell(dockerHost, async (cell, client) => ({
    idle: await measureIdleCell(cell),
    createJobMs: await measureCreateJob(client),
  }));
  const timer = await startDockerTimer(dockerHost.replace(/^unix:\/\//, ''));
  const timed = await withCell(timer.host, (_cell, client) => measureSingles(client, docker, timer)).finally(
    timer.close,
  );
  const launches = await withCell(dockerHost, (_cell, client) => measureLaunches(client, docker));
  const { Version: engine } = await docker.version();
  report({ ...alone, singles: timed, launches }, engine);
}

/**
 * Starts a complete cell for the duration of `work`. Each measurement has its own cell, without leftovers
 * of another.
 */
async function withCell<T>(
  host: string,
  work: (cell: LocalCell, client: BerthClient) => Promise<T>,
): Promise<T> {
  const redisBinary = process.env.BERTH_TEST_REDIS_SERVER;
  const cell = await startCell({
    cell: 'bench',
    dockerHost: host,
    ...(redisBinary === undefined ? {} : { redisBinary }),
  });
  atEnd(() => cell.stop());
  const client = BerthClient.connect({ address: cell.api.grpc, caller: { id: 'bench' } });
  try {
    return await work(cell, client);
  } finally {
    client.close();
    await cell.stop();
  }
}

async function measureIdleCell(cell: LocalCell): Promise<IdleUse> {
  progress(`idle: ${idleSpanMs / 1000} s`);
  await systemClock.sleep(settleMs);
  const pids = ['api', 'master', 'agent'].map((name) => cell.pid(name)).filter((pid) => pid !== undefined);
  return measureIdle(pids, idleSpanMs);
}

/** The jobs wait for an agent, so that only the acceptance of a job is measured. The first ones warm up. */
async function measureCreateJob(client: BerthClient): Promise<readonly number[]> {
  progress(`CreateJob: ${createJobs} one after another`);
  const times: number[] = [];
  for (let index = 0; index < createJobs + createWarmUps; index += 1) {
    const beganMs = performance.now();
    const { id } = await client.createJob(oversizedJob(image));
    times.push(performance.now() - beganMs);
    await client.killJob(id);
  }
  return times.slice(createWarmUps);
}

async function measureSingles(
  client: BerthClient,
  docker: Docker,
  timer: DockerTimer,
): Promise<Measured['singles']> {
  progress(`${singles} jobs of one task, one after another`);
  const watch = await RunningWatch.open(client);
  try {
    for (let index = 0; index < warmUps; index += 1) await launchSingle({ client, watch }, docker, image);
    const launched: (SingleLaunch & { dockerMs: number })[] = [];
    for (let index = 0; index < singles; index += 1) {
      const single = await launchSingle({ client, watch }, docker, image);
      launched.push({ ...single, dockerMs: timer.launchMs(single.taskId) });
    }
    return launched;
  } finally {
    watch.close();
  }
}

/** All contestants in turn, round after round. */
async function measureLaunches(client: BerthClient, docker: Docker): Promise<Measured['launches']> {
  const launches = new Map<string, LaunchTimes[]>();
  const contestants: readonly (readonly [string, () => Promise<LaunchTimes>])[] = [
    ...rawInFlight.map(
      (inFlight) => [rawName(inFlight), () => launchRaw(docker, image, containers, inFlight)] as const,
    ),
    ['berth', () => launchBerth(client, docker, image, containers)],
    ['swarm', () => launchSwarm(docker, image, containers)],
  ];
  await withSwarm(docker, async () => {
    for (let round = 1; round <= rounds; round += 1) {
      for (const [name, launch] of contestants) {
        const times = await launch();
        progress(
          `round ${round}: ${name} ${Math.round(times.firstMs)} ms to the first, ${Math.round(times.lastMs)} ms to the last`,
        );
        launches.set(name, [...(launches.get(name) ?? []), times]);
      }
    }
  });
  return launches;
}

function report(measured: Measured, engine: string): void {
  printReport({
    name: 'launch',
    conditions: {
      ...machineConditions(),
      engine,
      containers,
      rounds,
      singles,
      image,
      network: 'none (Swarm: bridge)',
    },
    rows: [...launchRows(measured.launches), ...overheadRows(measured)],
  });
}

function launchRows(launches: Measured['launches']): readonly BenchRow[] {
  const last = new Map(
    [...launches].map(([name, times]) => [name, median(times.map(({ lastMs }) => lastMs))]),
  );
  const timeOf = (name: string) => last.get(name) ?? Number.NaN;
  const best = rawInFlight.map(rawName).reduce((a, b) => (timeOf(b) < timeOf(a) ? b : a));
  return [
    ...[...launches].flatMap(([name, times]) => [
      noted(`${name}: to the first RUNNING`, median(times.map(({ firstMs }) => firstMs)), 'ms'),
      noted(`${name}: to the last RUNNING`, timeOf(name), 'ms'),
    ]),
    atMostTimes('berth to the last RUNNING', timeOf('berth'), {
      name: best,
      value: timeOf(best),
      limit: 1.1,
    }),
    atMostTimes('berth to the last RUNNING', timeOf('berth'), {
      name: 'swarm',
      value: timeOf('swarm'),
      limit: 0.8,
    }),
  ];
}

function overheadRows({ singles: launched, createJobMs, idle }: Measured): readonly BenchRow[] {
  const overheads = launched.map(({ runningMs, dockerMs }) => runningMs - dockerMs);
  return [
    noted('one task: CreateJob to RUNNING, median', median(launched.map(({ runningMs }) => runningMs)), 'ms'),
    noted('one task: of that Docker, median', median(launched.map(({ dockerMs }) => dockerMs)), 'ms'),
    atMost('one task: overhead, median', median(overheads), 'ms', 25),
    atMost('one task: overhead, p95', quantile(overheads, 0.95), 'ms', 80),
    atMost('CreateJob to its answer, median', median(createJobMs), 'ms', 5),
    atMost('idle: three services, cpu', idle.cpuPercent, '% of a core', 3),
    atMost('idle: three services, resident', idle.residentMb, 'MB', 300),
  ];
}

function rawName(inFlight: number): string {
  return `dockerode, ${inFlight} in flight`;
}

function progress(line: string): void {
  process.stderr.write(`${line}\n`);
}

await main();
