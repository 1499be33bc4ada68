import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './free-port.js';
import { reportSkipped } from './skipped.js';
import { waitFor } from './wait-for.js';

/** A redis-server that belongs to one test file. */
export interface TestRedis {
  /** The same after restarts. */
  readonly url: string;
  /** The directory of the append-only file. */
  readonly dir: string;
  /** The id of the running process. */
  pid(): number;
  /** Ends it with SIGKILL: only data on disk stays. */
  kill(): Promise<void>;
  /** Starts it again on the same port and directory. A running one is killed first. */
  restart(): Promise<void>;
  /** Stops its process until `resume`: connections stay open, and nothing is answered. */
  pause(): void;
  resume(): void;
  /** Sends one command and returns its reply in Redis's own form. */
  command(...words: readonly string[]): Promise<string>;
  /** Ends it and removes its directory. */
  stop(): Promise<void>;
}

export interface TestRedisOptions {
  /** Settings of redis.conf, in addition to those for an append-only file with a sync at each write. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** The redis-server of the tests; `npm test` sets it. */
const binary = process.env.BERTH_TEST_REDIS_SERVER;
const inCi = !['', '0', 'false'].includes(process.env.CI ?? '');

/**
 * The reason to skip suites that need Redis, or false; for `describe.skipIf`. Under CI nothing is skipped:
 * there `startTestRedis` fails.
 */
export const skipRedisTests: string | false =
  binary !== undefined || inCi
    ? false
    : 'BERTH_TEST_REDIS_SERVER names no redis-server (run npm test to have one)';

reportSkipped('Redis', skipRedisTests);

/** Starts a redis-server with a directory and port of its own and waits until it serves. */
export async function startTestRedis(options: TestRedisOptions = {}): Promise<TestRedis> {
  if (binary === undefined) {
    throw new Error(
      'Tests need Redis: set BERTH_TEST_REDIS_SERVER to the path of a redis-server, or run npm test.',
    );
  }
  const dir = await mkdtemp(join(tmpdir(), 'berth-test-redis-'));
  try {
    const { server, port } = await startOnFreePort({ binary, dir, settings: options.settings ?? {} });
    return testRedis(server, { port, dir });
  } catch (error) {
    await rm(dir, { recursive: true, force: true });
    throw error;
  }
}

function testRedis(server: RedisProcess, { port, dir }: { port: number; dir: string }): TestRedis {
  return {
    url: `redis://127.0.0.1:${port}`,
    dir,
    pid: () => server.pid,
    kill: () => server.end('SIGKILL'),
    restart: async () => {
      await server.end('SIGKILL');
      await server.start(port);
    },
    pause: () => server.signal('SIGSTOP'),
    resume: () => server.signal('SIGCONT'),
    command: (...words) => ask(port, `${words.join(' ')}\r\n`),
    stop: async () => {
      await server.end('SIGKILL');
      await rm(dir, { recursive: true, force: true });
    },
  };
}

interface ServerPlan {
  readonly binary: string;
  readonly dir: string;
  readonly settings: Readonly<Record<string, string>>;
}

/** Another process may take a free port before Redis does. */
const portAttempts = 5;

async function startOnFreePort(plan: ServerPlan): Promise<{ server: RedisProcess; port: number }> {
  for (let attempt = 1; ; attempt += 1) {
    const server = new RedisProcess(plan);
    const port = await freePort();
    try {
      await server.start(port);
      return { server, port };
    } catch (error) {
      if (attempt === portAttempts || !String(error).includes('Address already in use')) throw error;
    }
  }
}

class RedisProcess {
  readonly #plan: ServerPlan;
  #child: ChildProcess | undefined;
  #output = '';

  constructor(plan: ServerPlan) {
    this.#plan = plan;
  }

  get pid(): number {
    const pid = this.#child?.pid;
    if (pid === undefined) throw new Error('redis-server does not run');
    return pid;
  }

  async start(port: number): Promise<void> {
    const { dir, settings } = this.#plan;
    const fixed = {
      bind: '127.0.0.1',
      port: String(port),
      dir,
      save: '',
      appendonly: 'yes',
      appendfsync: 'always',
    };
    const args = Object.entries({ ...fixed, ...settings }).flatMap(([name, value]) => [`--${name}`, value]);
    const child = spawn(this.#plan.binary, args, { stdio: ['ignore', 'pipe', 'pipe'], env: environment() });
    this.#child = child;
    this.#output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (data: Buffer) => {
        this.#output = (this.#output + data.toString()).slice(-4_000);
      });
    }
    const spawnError = new Promise<never>((_, reject) => child.once('error', reject));
    process.once('exit', this.#killAtExit);
    try {
      await Promise.race([spawnError, this.#serving(port)]);
    } catch (error) {
      await this.end('SIGKILL');
      throw error;
    }
  }

  signal(name: NodeJS.Signals): void {
    this.#child?.kill(name);
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    process.off('exit', this.#killAtExit);
    const hasRun = child?.pid !== undefined;
    if (!hasRun || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill(signal);
    await exited;
  }

  readonly #killAtExit = (): void => {
    this.#child?.kill('SIGKILL');
  };

  async #serving(port: number): Promise<void> {
    const child = this.#child;
    const serves = () => {
      if (child?.exitCode !== null || child.signalCode !== null) {
        throw new Error(`redis-server ended at its start:\n${this.#output}`);
      }
      return answersPing(port);
    };
    await waitFor(serves, { what: 'redis-server serves' });
  }
}

function environment(): NodeJS.ProcessEnv {
  const libraryPath = process.env.BERTH_TEST_REDIS_LD_LIBRARY_PATH;
  return libraryPath === undefined ? process.env : { ...process.env, LD_LIBRARY_PATH: libraryPath };
}

/** Redis answers with an error instead of PONG while it loads its data. */
function answersPing(port: number): Promise<boolean> {
  return ask(port, 'PING\r\n').then(
    (reply) => reply.startsWith('+PONG') || reply.startsWith('-NOAUTH'),
    () => false,
  );
}

/** The first piece of the reply to a command. */
function ask(port: number, command: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1' });
    const close = (settle: () => void) => {
      socket.destroy();
      settle();
    };
    socket.once('connect', () => socket.write(command));
    socket.once('data', (data) => close(() => resolve(data.toString())));
    socket.once('error', (error) => close(() => reject(error)));
    socket.once('close', () => reject(new Error('Redis closed the connection')));
  });
}
