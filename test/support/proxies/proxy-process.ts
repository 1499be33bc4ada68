import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { waitFor } from '../process/wait-for.js';

/** A kind of load balancer: its configuration, and how it is started and told to read that again. */
export interface ProxyKind {
  readonly name: string;
  /** The path of the program. Undefined if there is none. */
  readonly program: string | undefined;
  readonly reloadSignal: NodeJS.Signals;
  configuration(setup: ProxySetup): string;
  flags(setup: ProxySetup): readonly string[];
}

export interface ProxySetup {
  /** A directory of its own, for its files. */
  readonly dir: string;
  readonly configFile: string;
  readonly port: number;
  /** The gateways behind it, as `host:port`. */
  readonly gateways: readonly string[];
}

/** A load balancer before gateways, with all of its processes. */
export class ProxyProcess {
  readonly #kind: ProxyKind;
  readonly #setup: ProxySetup;
  #child: ChildProcess | undefined;
  #complaint = '';

  static async start(kind: ProxyKind, port: number, gateways: readonly string[]): Promise<ProxyProcess> {
    const dir = await mkdtemp(join(tmpdir(), `berth-test-${kind.name}-`));
    const setup = { dir, configFile: join(dir, `${kind.name}.conf`), port, gateways };
    await writeFile(setup.configFile, kind.configuration(setup));
    const proxy = new ProxyProcess(kind, setup);
    await proxy.start();
    return proxy;
  }

  private constructor(kind: ProxyKind, setup: ProxySetup) {
    this.#kind = kind;
    this.#setup = setup;
  }

  get address(): string {
    return `127.0.0.1:${this.#setup.port}`;
  }

  /** Resolves when it listens. */
  async start(): Promise<void> {
    const { program, name } = this.#kind;
    if (program === undefined) throw new Error(`There is no ${name}: run npm test to have one.`);
    // A group of its own: the workers of a killed master live on.
    const child = spawn(program, this.#kind.flags(this.#setup), { stdio: 'pipe', detached: true });
    this.#child = child;
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (part: Buffer) => {
        this.#complaint = (this.#complaint + part.toString()).slice(-2_000);
      });
    process.once('exit', this.#killGroup);
    const listens = async () => {
      if (child.exitCode !== null) throw new Error(`${name} ended at its start: ${this.#complaint}`);
      return canConnect(this.#setup.port);
    };
    await waitFor(listens, { what: `${name} listens`, timeoutMs: 20_000 });
  }

  /** Lets it read its configuration again, as operators do. */
  reload(): void {
    this.#child?.kill(this.#kind.reloadSignal);
  }

  /** Ends all of its processes at once. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    process.off('exit', this.#killGroup);
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    killGroup(child);
    await exited;
  }

  async close(): Promise<void> {
    await this.kill();
    await rm(this.#setup.dir, { recursive: true, force: true });
  }

  readonly #killGroup = (): void => {
    if (this.#child !== undefined) killGroup(this.#child);
  };
}

function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // All of them have ended.
  }
}

function canConnect(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
