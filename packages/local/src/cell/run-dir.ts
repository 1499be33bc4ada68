import { appendFile, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemRandom } from '@berth/shared/process/random';
import { isAlive, processName } from '../machine/users.js';

/**
 * The record of everything that a run of a cell has on this machine. With it, a later run can clean up after
 * a killed one.
 */
export interface RunDir {
  /** Unique among the runs of this machine; a part of the names of everything in the run. */
  readonly id: string;
  /** The directory that goes with the run. */
  readonly path: string;
  /** Records a process of the run. */
  noteProcess(pid: number): Promise<void>;
  /** Records the engine and agent of possible containers. */
  noteContainers(where: RunContainers): Promise<void>;
  remove(): Promise<void>;
}

/** The containers of a run: those of one agent, on one engine. */
export interface RunContainers {
  readonly dockerHost: string;
  readonly cell: string;
  readonly agentId: string;
}

const ownerFile = 'owner';
const processesFile = 'processes';
const containersFile = 'containers';

/** Creates a directory for a new run below `runsDir`. */
export async function createRunDir(runsDir: string): Promise<RunDir> {
  const id = systemRandom.uuid().slice(0, 8);
  const path = join(runsDir, id);
  await mkdir(path, { recursive: true });
  await writeFile(join(path, ownerFile), (await processName(process.pid)) ?? '');
  return {
    id,
    path,
    async noteProcess(pid) {
      const name = await processName(pid);
      if (name !== undefined) await appendFile(join(path, processesFile), `${name}\n`);
    },
    noteContainers: (where) => appendFile(join(path, containersFile), `${JSON.stringify(where)}\n`),
    remove: () => rm(path, { recursive: true, force: true }),
  };
}

/** The remains of a run whose process was killed before it could clean up. */
export interface DeadRun {
  readonly path: string;
  /** Processes that still run. */
  readonly pids: readonly number[];
  readonly containers: readonly RunContainers[];
}

/** Finds the runs below `runsDir` whose owner is gone. */
export async function findDeadRuns(runsDir: string): Promise<DeadRun[]> {
  const names = await readdir(runsDir).catch(() => []);
  const runs = await Promise.all(names.map((name) => readRun(join(runsDir, name))));
  return runs.filter((run) => run !== undefined);
}

async function readRun(path: string): Promise<DeadRun | undefined> {
  const owner = await readFile(join(path, ownerFile), 'utf8').catch(() => undefined);
  // Without an owner the run is being created now, or it was killed then and has nothing.
  if (owner === undefined || (await isAlive(owner))) return undefined;
  const processes = await linesOf(join(path, processesFile));
  const alive = await Promise.all(processes.map((name) => isAlive(name)));
  const containers = await linesOf(join(path, containersFile));
  return {
    path,
    pids: processes.filter((_name, index) => alive[index]).map((name) => Number.parseInt(name, 10)),
    containers: containers.flatMap((line) => parseContainers(line)),
  };
}

/** The last line may be incomplete if its writer was killed. */
function parseContainers(line: string): RunContainers[] {
  try {
    return [JSON.parse(line) as RunContainers];
  } catch {
    return [];
  }
}

async function linesOf(path: string): Promise<string[]> {
  const text = await readFile(path, 'utf8').catch(() => '');
  return text.split('\n').filter((line) => line !== '');
}
