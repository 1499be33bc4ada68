import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { freePort } from '../process/free-port.js';
import { waitFor } from '../process/wait-for.js';

const main = fileURLToPath(new URL('../../../services/api/dist/main.js', import.meta.url));

/** True if there is a gateway to start; `npm test` builds it. */
export const isGatewayBuilt = existsSync(main);

const startLimitMs = 60_000;

/** A gateway in a process of its own. It can be killed and started again on the same ports. */
export class GatewayProcess {
  readonly #env: NodeJS.ProcessEnv;
  readonly #ports: { readonly grpc: number; readonly http: number };
  #child: ChildProcess | undefined;
  #complaint = '';

  /** Returns a gateway that is not started yet. */
  static async create(env: Readonly<Record<string, string>>): Promise<GatewayProcess> {
    const [grpc, http, jobv1] = [await freePort(), await freePort(), await freePort()];
    return new GatewayProcess({ grpc, http }, { ...env, BERTH_API_JOBV1: `127.0.0.1:${jobv1}` });
  }

  private constructor(ports: { readonly grpc: number; readonly http: number }, env: NodeJS.ProcessEnv) {
    this.#ports = ports;
    this.#env = {
      ...process.env,
      BERTH_API_GRPC: `127.0.0.1:${ports.grpc}`,
      BERTH_API_HTTP: `127.0.0.1:${ports.http}`,
      BERTH_LOG_LEVEL: 'error',
      ...env,
    };
  }

  get address(): string {
    return `127.0.0.1:${this.#ports.grpc}`;
  }

  get metricsUrl(): string {
    return `http://127.0.0.1:${this.#ports.http}/metrics`;
  }

  /** Resolves when the gateway is ready. */
  async start(): Promise<void> {
    const child = spawn(process.execPath, [main], { stdio: ['ignore', 'pipe', 'pipe'], env: this.#env });
    this.#child = child;
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (part: Buffer) => {
        this.#complaint = (this.#complaint + part.toString()).slice(-2_000);
      });
    process.once('exit', this.#killAtExit);
    const isReady = async () => {
      if (child.exitCode !== null) throw new Error(`the gateway ended at its start: ${this.#complaint}`);
      const answer = await fetch(`http://127.0.0.1:${this.#ports.http}/healthz`).catch(() => undefined);
      return answer?.ok === true;
    };
    await waitFor(isReady, { what: 'the gateway is ready', timeoutMs: startLimitMs });
  }

  /** Ends it like the loss of its machine: nobody is notified. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    process.off('exit', this.#killAtExit);
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill(signal);
    await exited;
  }

  readonly #killAtExit = (): void => {
    this.#child?.kill('SIGKILL');
  };
}
