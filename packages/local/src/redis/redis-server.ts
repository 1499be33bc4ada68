import { mkdir } from 'node:fs/promises';
import type { ManagedChild } from '../machine/child-process.js';
import { describeExit, logTail, startChild } from '../machine/child-process.js';
import { freePort, loopback } from '../machine/ports.js';
import { waitUntil } from '../machine/wait-until.js';
import { SetupError } from '../output/setup-error.js';
import { whyRedisDoesNotServe } from './redis-ping.js';

const startTimeoutMs = 15_000;
const stopGraceMs = 10_000;
/** Another process may take the free port before Redis listens on it. */
const portAttempts = 3;

interface RedisServerOptions {
  /** The path of a `redis-server`. */
  readonly binary: string;
  /** The directory of the append-only file; made if it is missing. Existing data is served again. */
  readonly dataDir: string;
  readonly logFile: string;
  /** Chosen by default. */
  readonly port?: number;
}

/** A Redis server that this process started. */
export interface RedisServer {
  readonly url: string;
  readonly port: number;
  readonly child: ManagedChild;
  /** Ends the server. All acknowledged writes are on disk. */
  stop(): Promise<void>;
}

/** Returns the arguments of a Redis that writes everything to disk before it acknowledges. */
function redisArgs(port: number, dataDir: string): string[] {
  const settings: Record<string, string> = {
    bind: loopback,
    port: String(port),
    dir: dataDir,
    appendonly: 'yes',
    appendfsync: 'always',
    save: '',
    daemonize: 'no',
  };
  return Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
}

/**
 * Starts a Redis server at loopback and waits until it serves. Rejects with a `SetupError` if it does not
 * start.
 */
export async function startRedisServer(options: RedisServerOptions): Promise<RedisServer> {
  await mkdir(options.dataDir, { recursive: true });
  for (let attempt = 1; ; attempt += 1) {
    const port = options.port ?? (await freePort());
    try {
      return await startOn(port, options);
    } catch (error) {
      const portTaken = error instanceof SetupError && error.message.includes('Address already in use');
      if (!portTaken || options.port !== undefined || attempt === portAttempts) throw error;
    }
  }
}

async function startOn(port: number, options: RedisServerOptions): Promise<RedisServer> {
  const child = await startChild({
    name: 'redis',
    command: options.binary,
    args: redisArgs(port, options.dataDir),
    logFile: options.logFile,
  });
  const url = `redis://${loopback}:${port}`;
  const serves = async () => {
    const exit = child.exit();
    if (exit !== undefined) throw new Error(`it ended with ${describeExit(exit)}`);
    return (await whyRedisDoesNotServe(url)) === undefined;
  };
  try {
    await waitUntil(serves, { what: 'Redis serves', timeoutMs: startTimeoutMs });
  } catch (cause) {
    await child.kill();
    throw new SetupError(`Redis did not start; the end of its log:\n${await logTail(options.logFile)}`, {
      cause,
    });
  }
  return { url, port, child, stop: async () => void (await child.stop(stopGraceMs)) };
}
