/*
 * Measures an agent's cost of sampling its containers: its processor time with sampling beside its time
 * without, alternating in one run, with the same real containers. The benchmark takes the place of the
 * master, which chooses the sampled tasks.
 */

import { loadavg } from 'node:os';
import { type LocalCell, startCell } from '@berth/local/cell/local-cell';
import { Assignment, type TaskSample } from '@berth/shared/gen/berth/v1/store';
import { State } from '@berth/shared/model/task/task-state';
import { systemClock } from '@berth/shared/process/clock';
import { type CellStore, openStore } from '@berth/store';
import { waitFor } from '../support/process/wait-for.js';
import { measureIdle } from './launch/idle.js';
import { amount, benchOptions, count, words } from './options.js';
import { atMost, machineConditions, median, noted, printReport } from './report.js';

const { containers, interval, spanSecs, rounds } = benchOptions('sample', {
  containers: count('containers that run', 50),
  interval: words('how often they are sampled', '5s'),
  spanSecs: amount('how long each measurement takes', 60),
  rounds: count('how often each is measured', 3),
});
const spanMs = spanSecs * 1000;
const image = process.env.BERTH_TEST_IMAGE ?? 'berth/busybox:1';
const dockerHost = process.env.DOCKER_HOST ?? 'unix:///var/run/docker.sock';
const cellName = 'bench-sample';
const settleMs = 5_000;
const launchLimitMs = 180_000;

async function main(): Promise<void> {
  const redisBinary = process.env.BERTH_TEST_REDIS_SERVER;
  const cell = await startCell({
    cell: cellName,
    dockerHost,
    counts: { master: 0 },
    env: { agent: { BERTH_AGENT_SAMPLE_INTERVAL: interval } },
    ...(redisBinary === undefined ? {} : { redisBinary }),
  });
  try {
    await measure(cell);
  } finally {
    await cell.stop();
  }
}

async function measure(cell: LocalCell): Promise<void> {
  const store = await openStore({ url: cell.redisUrl, cell: cellName });
  const heard: TaskSample[] = [];
  store.openSampleFeed().batches$.subscribe(({ samples }) => heard.push(...samples));
  const agentPid = cell.pid('agent') ?? 0;
  const without: number[] = [];
  const withSampling: number[] = [];
  const loads: number[] = [];
  const perTask: number[] = [];
  try {
    await launch(store, cell);
    for (let round = 1; round <= rounds; round += 1) {
      await assign(store, cell, false);
      await systemClock.sleep(settleMs);
      without.push(await cpuPercent(agentPid));
      await assign(store, cell, true);
      await systemClock.sleep(settleMs);
      const from = heard.length;
      withSampling.push(await cpuPercent(agentPid));
      perTask.push(
        heard.slice(from).filter(({ values }) => values.CPUUtilization !== undefined).length / containers,
      );
      loads.push(loadavg()[0] ?? Number.NaN);
      progress(
        `round ${round}: ${without.at(-1)?.toFixed(2)} % without, ${withSampling.at(-1)?.toFixed(2)} % with`,
      );
    }
    await assign(store, cell, undefined);
  } finally {
    await store.close();
  }
  report({ without, withSampling, perTask, loads });
}

async function launch(store: CellStore, cell: LocalCell): Promise<void> {
  progress(`starting ${containers} containers`);
  await assign(store, cell, false);
  const inbox = store.openReportInbox();
  const running = new Set<string>();
  let lastId = '0';
  await waitFor(
    async () => {
      for (const { streamId, report } of await inbox.readReports(lastId, 1_000, 1_000)) {
        lastId = streamId;
        if (report.state === State.RUNNING) running.add(report.taskId);
        if (report.state > State.RUNNING)
          throw new Error(`${report.taskId} ended: ${report.code} ${report.text}`);
      }
      return running.size === containers;
    },
    { what: 'all containers run', timeoutMs: launchLimitMs },
  );
  await inbox.close();
}

/** Gives the agent its tasks, sampled or not, or takes them off it. */
async function assign(store: CellStore, cell: LocalCell, sampled: boolean | undefined): Promise<void> {
  const agentId = cell.agentIds[0] ?? '';
  const jobId = `sample-${process.pid}`;
  const assignments = Array.from({ length: containers }, (_, index) => {
    const taskId = `${jobId}.${index}-0`;
    const assignment = Assignment.fromPartial({
      taskId,
      jobId,
      container: { image: { name: image }, command: ['sleep', '3600'], parameters: { network: 'bridge' } },
      resources: { cpuMillis: 20, memoryMb: 32, networkMbps: 10 },
      sampled: sampled === true,
    });
    return { agentId, taskId, ...(sampled === undefined ? {} : { assignment }) };
  });
  const result = await store.commit({ actor: 'master', writes: [], assignments });
  if (!result.ok) throw new Error(`the assignments were refused: ${result.reason}`);
}

async function cpuPercent(pid: number): Promise<number> {
  return (await measureIdle([pid], spanMs)).cpuPercent;
}

interface Measured {
  readonly without: readonly number[];
  readonly withSampling: readonly number[];
  readonly perTask: readonly number[];
  readonly loads: readonly number[];
}

function report({ without, withSampling, perTask, loads }: Measured): void {
  const added = withSampling.map((percent, index) => percent - (without[index] ?? Number.NaN));
  printReport({
    name: 'sample',
    conditions: {
      ...machineConditions(),
      containers,
      interval,
      spanSecs: spanMs / 1000,
      rounds,
      image,
      network: 'bridge',
      load: median(loads),
    },
    rows: [
      noted('agent without sampling, cpu', median(without), '% of a core'),
      noted('agent with sampling, cpu', median(withSampling), '% of a core'),
      atMost(`sampling ${containers} containers, cpu`, median(added), '% of a core', 1),
      noted('samples heard of each container in a span', median(perTask), 'samples'),
    ],
  });
}

function progress(line: string): void {
  process.stderr.write(`${line}\n`);
}

await main();
