import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { ManagedChild } from '../machine/child-process.js';
import { describeExit, logTail, startChild } from '../machine/child-process.js';
import { repoRoot } from '../machine/paths.js';
import { waitUntil } from '../machine/wait-until.js';
import { SetupError } from '../output/setup-error.js';

/** The three kinds of process of a cell beside Redis. */
export type ServiceKind = 'api' | 'master' | 'agent';

const readyTimeoutMs = 30_000;
/** Longer than a service takes that ends itself because it could not close everything. */
const stopGraceMs = 12_000;
const healthTimeoutMs = 2_000;
/**
 * A cell on one machine shares it with its user's own work. Left alone, V8 lets short-lived objects spread over 48 MB in
 * each process before it tidies up, which pays for itself only under a load that such a cell does not see. Callers wait
 * for the gateway: it gets more, and pauses less.
 */
const semiSpaceMb: Readonly<Record<ServiceKind, number>> = { api: 8, master: 4, agent: 4 };

export interface ServiceOptions {
  readonly kind: ServiceKind;
  /** How it is called in this cell: `master`, `master-2`. */
  readonly name: string;
  /** Its configuration (`BERTH_*`, DOCKER_HOST), added to this process's environment. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** `host:port` where it answers `/healthz`. */
  readonly http: string;
  readonly logFile: string;
}

/** One service of the cell, which can be killed and started again with the same configuration. */
export interface ServiceProcess {
  readonly name: string;
  readonly kind: ServiceKind;
  /** The id of the running process, or undefined while there is none. */
  pid(): number | undefined;
  /** Starts the process without waiting for it to be ready. Does nothing while it runs. */
  launch(): Promise<void>;
  /** Resolves when the service says that it is ready; rejects with a `SetupError` if it ends before or takes too long. */
  ready(signal?: AbortSignal): Promise<void>;
  /** SIGKILL, as a crash would. */
  kill(): Promise<void>;
  /** SIGTERM, and SIGKILL if it does not end in time. */
  stop(): Promise<void>;
}

/** A service of the cell; it does not run until it is launched. */
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
  try {
    const response = await fetch(`http://${address}/healthz`, {
      signal: AbortSignal.timeout(healthTimeoutMs),
    });
    // An unread body would keep the connection from being used again.
    await response.body?.cancel();
    return response.status === 200;
  } catch {
    return false;
  }
}
