import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { startTimer, systemClock } from '@berth/shared/process/clock';
import type { ManagedChild } from '../machine/child-process.js';
import { describeExit, logTail, startChild } from '../machine/child-process.js';
import { repoRoot } from '../machine/paths.js';
import { waitUntil } from '../machine/wait-until.js';
import { SetupError } from '../output/setup-error.js';

/** The three kinds of process of a cell, besides Redis. */
export type ServiceKind = 'api' | 'master' | 'agent';

const readyTimeoutMs = 30_000;
/** Longer than the time that a service needs to give up its open connections and end. */
const stopGraceMs = 12_000;
const healthTimeoutMs = 2_000;
/**
 * The heap of young objects, in MB. A local cell shares the machine with its user's own work. By default V8
 * lets short-lived objects spread over 48 MB in each process. That pays only under a load that a local cell
 * does not see. The gateway gets more and so pauses less, since callers wait for it.
 */
const semiSpaceMb: Readonly<Record<ServiceKind, number>> = { api: 8, master: 4, agent: 4 };

interface ServiceOptions {
  readonly kind: ServiceKind;
  /** The name in this cell: `master`, `master-2`. */
  readonly name: string;
  /** Its configuration (`BERTH_*`, DOCKER_HOST), added to this process's environment. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The `host:port` of its `/healthz`. */
  readonly http: string;
  readonly logFile: string;
}

/** One service of the cell. It can be killed and started again with the same configuration. */
interface ServiceProcess {
  readonly name: string;
  readonly kind: ServiceKind;
  /** The id of the running process; undefined while there is none. */
  pid(): number | undefined;
  /** Starts the process without waiting until it is ready. It does nothing while the process runs. */
  launch(): Promise<void>;
  /**
   * Resolves when the service reports that it is ready. Rejects with a `SetupError` if the service ends
   * before that or takes too long.
   */
  ready(signal?: AbortSignal): Promise<void>;
  /** Sends SIGKILL, like a crash. */
  kill(): Promise<void>;
  /** Sends SIGTERM, and SIGKILL if the process does not end in time. */
  stop(): Promise<void>;
}

/** Returns a service of the cell. It does not run until it is launched. */
export function serviceProcess(options: ServiceOptions): ServiceProcess {
  let child: ManagedChild | undefined;
  const running = () => (child !== undefined && child.exit() === undefined ? child : undefined);
  return {
    name: options.name,
    kind: options.kind,
    pid: () => running()?.pid,
    async launch() {
      if (running() === undefined) child = await launch(options);
    },
    async ready(signal) {
      if (child === undefined) throw new Error(`${options.name} was not launched`);
      await waitForReady(options, child, signal);
    },
    kill: async () => void (await running()?.kill()),
    stop: async () => void (await running()?.stop(stopGraceMs)),
  };
}

function launch(options: ServiceOptions): Promise<ManagedChild> {
  const entry = join(repoRoot, 'services', options.kind, 'dist', 'main.js');
  if (!existsSync(entry)) throw new SetupError(`${entry} is missing: build the project with \`npx tsc -b\`.`);
  return startChild({
    name: options.name,
    command: process.execPath,
    args: [`--max-semi-space-size=${semiSpaceMb[options.kind]}`, entry],
    env: options.env,
    logFile: options.logFile,
  });
}

async function waitForReady(
  options: ServiceOptions,
  child: ManagedChild,
  signal?: AbortSignal,
): Promise<void> {
  const isReady = async () => {
    const exit = child.exit();
    if (exit !== undefined) throw new Error(`it ended with ${describeExit(exit)}`);
    return isHealthy(options.http);
  };
  const what = `the ${options.name} is ready`;
  try {
    await waitUntil(isReady, {
      what,
      timeoutMs: readyTimeoutMs,
      ...(signal === undefined ? {} : { signal }),
    });
  } catch (cause) {
    if (signal?.aborted) throw cause;
    const tail = await logTail(options.logFile);
    throw new SetupError(
      `The ${options.name} did not become ready; the end of ${options.logFile}:\n${tail}`,
      { cause },
    );
  }
}

async function isHealthy(address: string): Promise<boolean> {
  const limit = new AbortController();
  const stopTimer = startTimer(systemClock, healthTimeoutMs, () => limit.abort());
  try {
    const response = await fetch(`http://${address}/healthz`, { signal: limit.signal });
    // An unread body would keep the connection from being used again.
    await response.body?.cancel();
    return response.status === 200;
  } catch {
    return false;
  } finally {
    stopTimer();
  }
}
