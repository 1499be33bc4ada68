import { join } from 'node:path';
import type { RedisServer } from '../redis/redis-server.js';
import { startRedisServer } from '../redis/redis-server.js';
import type { ServicePlan } from './cell-plan.js';
import type { RunDir } from './run-dir.js';
import { serviceProcess } from './service-process.js';

/** A process of the cell, Redis or a service. */
export interface CellProcess {
  readonly name: string;
  pid(): number | undefined;
  kill(): Promise<void>;
  /** Starts the process with the same addresses and data, unless it runs. Resolves when it is ready. */
  restart(signal?: AbortSignal): Promise<void>;
  stop(): Promise<void>;
}

/** The directories for the files of a run's processes. */
export interface RunPaths {
  readonly run: RunDir;
  readonly logsDir: string;
}

/** Starts a Redis of the cell's own; it serves already. */
export async function redisProcess(
  binary: string,
  at: RunPaths,
): Promise<CellProcess & { readonly url: string }> {
  const options = { binary, dataDir: join(at.run.path, 'redis'), logFile: join(at.logsDir, 'redis.log') };
  let current: RedisServer = await startRedisServer(options);
  await at.run.noteProcess(current.child.pid);
  return {
    name: 'redis',
    url: current.url,
    pid: () => (current.child.exit() === undefined ? current.child.pid : undefined),
    kill: async () => void (await current.child.kill()),
    async restart() {
      if (current.child.exit() === undefined) return;
      current = await startRedisServer({ ...options, port: current.port });
      await at.run.noteProcess(current.child.pid);
    },
    stop: () => current.stop(),
  };
}

/** Returns a service of the cell. It does not run until its first restart. */
export function plannedProcess(plan: ServicePlan, at: RunPaths): CellProcess {
  const service = serviceProcess({ ...plan, logFile: join(at.logsDir, `${plan.name}.log`) });
  return {
    name: plan.name,
    pid: service.pid,
    kill: service.kill,
    stop: service.stop,
    async restart(signal) {
      await service.launch();
      const pid = service.pid();
      if (pid !== undefined) await at.run.noteProcess(pid);
      await service.ready(signal);
    },
  };
}

/**
 * Starts all processes at once and waits until all are ready. The first failure ends the wait for the others.
 */
export async function startAll(
  processes: readonly CellProcess[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const failed = new AbortController();
  const either = AbortSignal.any([failed.signal, ...(signal === undefined ? [] : [signal])]);
  const starts = processes.map(async (cellProcess) => {
    try {
      await cellProcess.restart(either);
    } catch (error) {
      failed.abort(error);
    }
  });
  await Promise.all(starts);
  either.throwIfAborted();
}
