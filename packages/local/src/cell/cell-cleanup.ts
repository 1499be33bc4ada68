import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { labelNames } from '@berth/agent/labels';
import { elapsedMs, systemClock } from '@berth/shared/process/clock';
import { dockerClient, pingDocker } from '../engine/docker-client.js';
import type { DeadRun, RunContainers } from './run-dir.js';
import { findDeadRuns } from './run-dir.js';

/** More removals at once only make each of them slower. */
const removalsAtOnce = 4;
/** A container that is being created shows up in less time. */
const quietMs = 500;
const lookEveryMs = 100;
const alreadyGone = new Set([404, 409]);

/** Returns the directory with the records of all runs of cells, below `.berth/`. */
export function runsDir(home: string): string {
  return join(home, 'run');
}

/**
 * Removes all containers of an agent, running or not. The agent must have ended. Its last requests to the
 * engine may still take effect. So this function asks the engine until it has shown nothing for a while.
 */
export async function removeContainers(of: RunContainers): Promise<void> {
  const docker = dockerClient(of.dockerHost);
  let quietSince = elapsedMs(systemClock);
  while (elapsedMs(systemClock) - quietSince < quietMs) {
    if ((await removeListed(docker, of)) > 0) quietSince = elapsedMs(systemClock);
    await systemClock.sleep(lookEveryMs);
  }
}

async function removeListed(docker: ReturnType<typeof dockerClient>, of: RunContainers): Promise<number> {
  const label = [`${labelNames.agent}=${of.agentId}`, `${labelNames.cell}=${of.cell}`];
  const found = await docker.listContainers({ all: true, filters: { label } });
  const ids = found.map((container) => container.Id);
  const removeNext = async (): Promise<void> => {
    for (let id = ids.pop(); id !== undefined; id = ids.pop()) {
      await docker.getContainer(id).remove({ force: true, v: true }).catch(unlessGone);
    }
  };
  await Promise.all(Array.from({ length: removalsAtOnce }, removeNext));
  return found.length;
}

function unlessGone(error: unknown): void {
  const status = error instanceof Error && 'statusCode' in error ? error.statusCode : undefined;
  if (typeof status !== 'number' || !alreadyGone.has(status)) throw error;
}

/** Removes the processes, containers and data of cells whose owner was killed. */
export async function sweepDeadRuns(home: string): Promise<void> {
  for (const run of await findDeadRuns(runsDir(home))) await sweep(run);
}

async function sweep(run: DeadRun): Promise<void> {
  for (const pid of run.pids) killIfThere(pid);
  for (const containers of run.containers) {
    // A missing engine has taken its containers along, or a later sweep will ask it.
    if (!(await pingDocker(containers.dockerHost)).ok) return;
    await removeContainers(containers);
  }
  await rm(run.path, { recursive: true, force: true });
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}
