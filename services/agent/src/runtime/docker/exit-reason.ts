import type { Clock } from '@berth/shared/process/clock';
import type { Logger } from '@berth/shared/process/logger';
import type Dockerode from 'dockerode';
import type { ContainerStatus } from '../../core/container.js';
import { RuntimeError, type RuntimeEvent } from '../contract/container-runtime.js';
import type { LimitedCall } from './calls.js';
import { initErrorIn, statusOf } from './container-status.js';
import {
  type Downtime,
  type EngineTimes,
  endedWithEngine,
  hasEngineExitCode,
  mayBeEndedByEngine,
  updateDowntimes,
} from './core/engine-downtime.js';
import { hasOomEvent, mayHaveRunOutOfMemory } from './out-of-memory.js';

interface ExitReasonsOptions {
  readonly docker: Dockerode;
  readonly log: Logger;
  readonly clock: Clock;
  readonly call: LimitedCall;
  /** Returns the starts of the engine and of its host. */
  engineTimes(): Promise<EngineTimes>;
  /** Resolves if the engine accepts new connections. Rejects with `unavailable` if it refuses them. */
  probeNewConnection(): Promise<void>;
}

/**
 * The exit codes with which an init process reports that it could not execute the command. The command may
 * use them, too.
 */
const initExitCodes: readonly number[] = [126, 127];
const initLogLines = 10;

/** Finds the reason of a container's end where Docker's own record leaves it out. */
export class ExitReasons {
  readonly #options: ExitReasonsOptions;
  #downtimes: readonly Downtime[] = [];

  constructor(options: ExitReasonsOptions) {
    this.#options = options;
  }

  /** Records that the engine goes away and comes back. */
  note({ is }: RuntimeEvent, nowMs: number): void {
    if (is !== 'changed')
      this.#downtimes = updateDowntimes(this.#downtimes, is === 'connected' ? 'back' : 'lost', nowMs);
  }

  /** Returns the status with its exit reason. `isKilled` is true if this agent has killed the container. */
  async statusOf(info: Dockerode.ContainerInspectInfo, isKilled: boolean): Promise<ContainerStatus> {
    const status = statusOf(info);
    if (!isKilled && (await this.#isEndedByEngine(status))) return { ...status, endedByEngine: true };
    if (!isKilled && mayHaveRunOutOfMemory(info, status))
      return { ...status, oomKilled: await this.#ranOutOfMemory(info) };
    if (info.HostConfig.Init !== true || !initExitCodes.includes(status.exitCode ?? 0)) return status;
    const startError = await this.#initError(info.Id);
    return startError === undefined ? status : { ...status, startError };
  }

  /**
   * An engine that shuts down refuses new connections and then ends its containers. An engine that returns
   * from a crash ends the containers that still run.
   */
  async #isEndedByEngine(status: ContainerStatus): Promise<boolean> {
    if (!mayBeEndedByEngine(status)) return false;
    const times = await this.#options.engineTimes();
    if (endedWithEngine(status, this.#downtimes, times)) return true;
    return !times.outlivesEngine && this.#isShuttingDown(status);
  }

  async #isShuttingDown(status: ContainerStatus): Promise<boolean> {
    try {
      await this.#options.probeNewConnection();
      return false;
    } catch (error) {
      const isRefused = error instanceof RuntimeError && error.kind === 'unavailable';
      if (isRefused || hasEngineExitCode(status)) return true;
      // An engine that is only slow has not ended anything. A later inspection decides.
      throw new RuntimeError('unavailable', 'the engine does not say if it shuts down', error);
    }
  }

  #ranOutOfMemory(info: Dockerode.ContainerInspectInfo): Promise<boolean> {
    const { call, docker, clock } = this.#options;
    return call('inspect', (abortSignal) => hasOomEvent({ docker, clock }, info, abortSignal));
  }

  /** Only some logging drivers can be read. Without the log, the exit code decides. */
  async #initError(containerId: string): Promise<string | undefined> {
    const { call, docker, log } = this.#options;
    try {
      const lines = await call('inspect', (abortSignal) => {
        const wanted = { stderr: true, stdout: true, follow: false, tail: initLogLines } as const;
        return docker.getContainer(containerId).logs({ ...wanted, abortSignal });
      });
      return initErrorIn(lines.toString('utf8'));
    } catch (error) {
      log.debug({ err: error, containerId }, 'the log of the container cannot be read');
      return undefined;
    }
  }
}
