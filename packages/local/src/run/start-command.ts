import { join } from 'node:path';
import { BerthClient } from '@berth/client';
import { elapsedMs, systemClock } from '@berth/shared/process/clock';
import { strangeSettings } from '@berth/shared/process/setting-names';
import { sweepDeadRuns } from '../cell/cell-cleanup.js';
import { type LocalCell, startCell } from '../cell/local-cell.js';
import { openRunLogs } from '../cell/run-logs.js';
import { runDemo } from '../demo/demo.js';
import { ensureDemoImage } from '../demo/demo-image.js';
import { dockerClient } from '../engine/docker-client.js';
import { obtainDockerEngine } from '../engine/docker-engine.js';
import type { Lifetime } from '../machine/lifetime.js';
import { berthDir } from '../machine/paths.js';
import { documentedPorts, movedPorts } from '../machine/ports.js';
import { createProgress, type Progress } from '../output/progress.js';
import { obtainRedisBinary } from '../redis/redis-binary.js';
import { keepRunning } from './keep-running.js';
import { readStartSettings, type StartSettings } from './start-settings.js';

interface StartOptions {
  /** Ends after the demo. */
  readonly once: boolean;
}

/** Runs a whole cell with a demo on this machine until the lifetime is aborted. Resolves to the exit code. */
export async function startCommand({ once }: StartOptions, lifetime: Lifetime): Promise<number> {
  const settings = readStartSettings(process.env);
  const progress = createProgress(process.stdout);
  for (const text of strangeSettings(process.env)) progress.note(text);
  const startedAtMs = elapsedMs(systemClock);
  const { cell, image } = await startEverything(settings, lifetime, progress);
  progress.note(
    `\nThe cell "${cell.cell}" is up after ${((elapsedMs(systemClock) - startedAtMs) / 1000).toFixed(1)} s.`,
  );
  for (const line of addresses(cell)) progress.note(line);
  const client = BerthClient.connect({ address: cell.api.grpc });
  lifetime.defer(async () => client.close());
  progress.note('\nA demo on real containers:');
  const say = (line: string) => progress.note(`  ${line}`);
  const serviceJobId = await runDemo({ client, image, say, signal: lifetime.signal });
  // In a Redis that is not ours, the job would stay. The next start of this cell would run it again.
  if (settings.BERTH_REDIS_URL !== undefined) lifetime.defer(() => client.killJob(serviceJobId));
  if (once) return 0;
  for (const line of lookAround(cell)) progress.note(line);
  await keepRunning(cell, { progress, signal: lifetime.signal });
  return 0;
}

async function startEverything(
  settings: StartSettings,
  lifetime: Lifetime,
  progress: Progress,
): Promise<{ cell: LocalCell; image: string }> {
  const { signal } = lifetime;
  const { BERTH_REDIS_URL: redisUrl, BERTH_CELL: name, BERTH_MASTER_API_URL } = settings;
  const redis =
    redisUrl === undefined ? { redisBinary: await obtainRedisBinary(berthDir, progress) } : { redisUrl };
  signal.throwIfAborted();
  const engine = await obtainDockerEngine({ home: berthDir, progress });
  lifetime.defer(engine.release);
  signal.throwIfAborted();
  await sweepDeadRuns(berthDir);
  const image = await ensureDemoImage(dockerClient(engine.host), berthDir, progress);
  signal.throwIfAborted();
  const logsDir = await openRunLogs(join(berthDir, 'logs'));
  const cell = await progress.step('Start the cell', () =>
    startCell({
      ...redis,
      ...(name ? { cell: name } : {}),
      dockerHost: engine.host,
      documentedPorts: true,
      // The user's own address of the gateway for containers takes precedence.
      ...(BERTH_MASTER_API_URL ? { env: { master: { BERTH_MASTER_API_URL } } } : {}),
      admitsContainers: settings.BERTH_INSECURE,
      logsDir,
      signal,
    }),
  );
  lifetime.defer(cell.stop);
  return { cell, image };
}

function addresses({
  api,
  redisUrl,
  dockerHost,
  ports,
  logsDir: logs,
  containersApiUrl,
}: LocalCell): string[] {
  const moved = movedPorts(ports).map((name) => documentedPorts[name]);
  return [
    `  gateway  gRPC ${api.grpc}, job.v1 ${api.jobV1}, HTTP http://${api.http}`,
    ...(containersApiUrl === undefined ? [] : [`           HTTP for containers ${containersApiUrl}`]),
    `  Redis    ${withoutPassword(redisUrl)}`,
    `  Docker   ${dockerHost}`,
    `  logs     ${logs}`,
    ...(moved.length === 0 ? [] : [`  In use, and replaced by free ports: ${moved.join(', ')}`]),
  ];
}

function withoutPassword(url: string): string {
  // A URL with several sentinels is not a URL in the strict sense.
  return url.replace(/^([a-z+]+:\/\/[^/]*?:)[^/]*@/, '$1***@');
}

function lookAround({ api }: LocalCell): string[] {
  const isDocumented = api.grpc.endsWith(`:${documentedPorts.apiGrpc}`);
  const berth = isDocumented ? 'npx berth' : `BERTH_API_GRPC=${api.grpc} npx berth`;
  return [
    '\nLook around from another terminal in this folder:',
    `  ${berth} ps           the jobs and their tasks`,
    `  ${berth} observe      every change, as it happens`,
    `  ${berth} --help       all else`,
    'Ctrl-C ends the cell and leaves nothing behind.',
  ];
}
