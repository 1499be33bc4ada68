import type { Clock } from '@berth/shared/process/clock';
import type { Logger } from '@berth/shared/process/logger';
import type Dockerode from 'dockerode';
import type { ContainerStatus } from '../../core/container.js';
import type { RuntimeEvent } from '../contract/container-runtime.js';
import type { LimitedCall } from './calls.js';
import { initErrorIn, statusOf } from './container-status.js';
import {
  type Downtime,
  endedDuringDowntime,
  mayBeEndedByEngine,
  updateDowntimes,
} from './core/engine-downtime.js';
import { eventsTellOfOom, mayHaveRunOutOfMemory } from './out-of-memory.js';

export interface ExitReasonsOptions {
  readonly docker: Dockerode;
  readonly log: Logger;
  readonly clock: Clock;
  readonly call: LimitedCall;
  /** Resolves where the engine takes new connections. */
  probeNewConnection(): Promise<void>;
}

/** Exit codes with which an init process tells that it could not execute the command; the command may use them, too. */
const initExitCodes: readonly number[] = [126, 127];
const initLogLines = 10;

/** What Docker's own account of a container does not say of its end: why it ended so. */
export class ExitReasons {
  readonly #options: ExitReasonsOptions;
  #downtimes: readonly Downtime[] = [];

  constructor(options: ExitReasonsOptions) {
    this.#options = options;
  }

  /** Takes note of the engine's going and coming. */
  note({ is }: RuntimeEvent, nowMs: number): void {
    if (is !== 'changed')
      this.#downtimes = updateDowntimes(this.#downtimes, is === 'connected' ? 'back' : 'lost', nowMs);
  }

  /** The status with all that can be found out; `isKilled` tells that its SIGKILL was ours. */
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
   * An engine that shuts down takes no new connections any more and then ends its containers; one that comes back from a crash
   * ends what it finds running.
   */
  async #isEndedByEngine(status: ContainerStatus): Promise<boolean> {
    if (!mayBeEndedByEngine(status)) return false;
    if (endedDuringDowntime(status, this.#downtimes)) return true;
    return this.#options.probeNewConnection().then(
      () => false,
      () => true,
    );
  }

  #ranOutOfMemory(info: Dockerode.ContainerInspectInfo): Promise<boolean> {
    const { call, docker, clock } = this.#options;
    return call('inspect', (abortSignal) => eventsTellOfOom({ docker, clock }, info, abortSignal));
  }

  /** The log tells only with drivers that can be read back; without it the exit code has to do. */
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
