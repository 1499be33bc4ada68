import { statfs } from 'node:fs/promises';
import type { Agent } from 'node:http';
import type { Readable } from 'node:stream';
import { openCredentials } from '@berth/registry';
import { bytesPerMb } from '@berth/shared/model/resources/amounts';
import type { MetricsEndpoint } from '@berth/shared/model/task/task-metrics';
import { type Clock, systemClock } from '@berth/shared/process/clock';
import { type Logger, silentLogger } from '@berth/shared/process/logger';
import { type Random, systemRandom } from '@berth/shared/process/random';
import type Dockerode from 'dockerode';
import { type Observable, tap } from 'rxjs';
import type { ContainerStatus } from '../../core/container.js';
import type { ContainerSpec } from '../../core/container-spec.js';
import { labelNames } from '../../core/labels.js';
import { type FileHead, resultsPath } from '../../core/results.js';
import type { ContainerUsage } from '../../core/usage.js';
import {
  type ContainerRuntime,
  type PullOptions,
  RuntimeError,
  type RuntimeEvent,
  type RuntimeInfo,
} from '../contract/container-runtime.js';
import { type LimitedCall, limitCalls } from './calls.js';
import { connectDocker, type Docker } from './connection.js';
import { summaryOf } from './container-status.js';
import { featureAttributes } from './core/engine-features.js';
import { createOptions } from './create-options.js';
import { EngineFacts } from './engine-facts.js';
import type { DockerCall } from './errors.js';
import { dockerEvents } from './events.js';
import { ExitReasons } from './exit-reason.js';
import { DockerImages } from './images.js';
import { MetricsPages } from './metrics-page.js';
import { emptyResults, headOfFile } from './results-file.js';
import { DockerUsage } from './usage.js';

interface DockerRuntimeOptions {
  readonly cell: string;
  readonly agentId: string;
  /** `unix://PATH`, `tcp://HOST:PORT` or `https://HOST:PORT`. Absent: Docker's default socket. */
  readonly dockerHost?: string | undefined;
  readonly log?: Logger;
  readonly clock?: Clock;
  readonly random?: Random;
  /** The file of credentials for registries. Absent: there are none. */
  readonly imageAuthFile?: string | undefined;
  /** A pull without progress for this long is given up. */
  readonly pullStallMs?: number | undefined;
  /** The kernel's directory of processes. Absent: `/proc`. */
  readonly procDirectory?: string;
}

const defaultPullStallMs = 120_000;

/** Containers on a real Docker engine. */
export class DockerRuntime implements ContainerRuntime {
  readonly name = 'docker';
  readonly title = 'Docker';
  readonly events$: Observable<RuntimeEvent>;
  readonly #docker: Docker;
  readonly #sockets: Agent;
  readonly #labels: readonly string[];
  readonly #identity: Readonly<Record<string, string>>;
  readonly #log: Logger;
  readonly #call: LimitedCall;
  readonly #images: DockerImages;
  /** The containers that this agent has killed. */
  readonly #killed = new Set<string>();
  readonly #usage: DockerUsage;
  readonly #pages: MetricsPages;
  readonly #exitReasons: ExitReasons;
  readonly #facts: EngineFacts;
  #hasInit = true;

  constructor(options: DockerRuntimeOptions) {
    const {
      cell,
      agentId,
      dockerHost,
      log = silentLogger,
      clock = systemClock,
      random = systemRandom,
    } = options;
    const connection = connectDocker(dockerHost);
    const { docker, sockets } = connection;
    this.#docker = docker;
    this.#sockets = sockets;
    this.#identity = { [labelNames.cell]: cell, [labelNames.agent]: agentId };
    this.#labels = Object.entries(this.#identity).map(([name, value]) => `${name}=${value}`);
    this.#log = log;
    this.#call = limitCalls(clock);
    const { procDirectory = '/proc' } = options;
    this.#facts = new EngineFacts({ connection, call: this.#call, procDirectory });
    this.#images = new DockerImages({
      docker,
      log,
      clock,
      call: this.#call,
      credentials: openCredentials({
        path: options.imageAuthFile,
        setting: 'BERTH_AGENT_IMAGE_AUTH_FILE',
        log,
        clock,
      }),
      pullStallMs: options.pullStallMs ?? defaultPullStallMs,
    });
    this.#pages = new MetricsPages({ clock });
    this.#usage = new DockerUsage({
      clock,
      inspect: (taskId) => this.#find(taskId, 'stats'),
      stats: (taskId) => this.#stats(taskId),
      procDirectory,
    });
    const freshClient = connectDocker(dockerHost, { keepsConnections: false }).docker;
    this.#exitReasons = new ExitReasons({
      docker,
      log,
      clock,
      call: this.#call,
      engineTimes: () => this.#facts.times(),
      probeNewConnection: () =>
        this.#call('ping', async (abortSignal) => void (await freshClient.ping({ abortSignal }))),
    });
    this.events$ = dockerEvents({ docker, labels: this.#labels, clock, random }).pipe(
      tap((event) => {
        this.#exitReasons.note(event, clock.nowMs());
        // An engine that returns may have started anew.
        if (event.is === 'connected') this.#facts.forgetTimes();
      }),
    );
  }

  async info(): Promise<RuntimeInfo> {
    const { info, features } = await this.#facts.readInfo();
    return {
      version: `${features.isPodman ? 'podman' : 'docker'} ${info.ServerVersion}`,
      cpuMillis: info.NCPU * 1000,
      memoryMb: Math.floor(info.MemTotal / bytesPerMb),
      diskMb: await diskMbOf(info.DockerRootDir),
      attributes: featureAttributes(features),
    };
  }

  async ping(): Promise<void> {
    await this.#call('ping', (abortSignal) => this.#docker.ping({ abortSignal }));
  }

  async list(): Promise<readonly ContainerStatus[]> {
    const filters = { label: [...this.#labels] };
    const rows = await this.#call('list', (abortSignal) => {
      return this.#docker.listContainers({ all: true, filters, abortSignal });
    });
    return rows.flatMap((row) => this.#summaryOf(row)).filter(({ taskId }) => taskId !== '');
  }

  async inspect(taskId: string): Promise<ContainerStatus | undefined> {
    const info = await this.#find(taskId);
    if (info === undefined || !this.#isOurs(info)) return undefined;
    return this.#exitReasons.statusOf(info, this.#killed.has(taskId));
  }

  ensureImage(reference: string, options?: PullOptions): Promise<string> {
    return this.#images.ensure(reference, options);
  }

  async create(spec: ContainerSpec): Promise<{ readonly adopted: boolean }> {
    const options = createOptions(
      { ...spec, init: spec.init && this.#hasInit },
      await this.#facts.features(),
    );
    try {
      await this.#call('create', (abortSignal) => this.#docker.createContainer({ ...options, abortSignal }));
      if (spec.hasResults) await this.#prepareResults(spec);
      return { adopted: false };
    } catch (error) {
      if (this.#learnsOfNoInit(error)) return this.create(spec);
      if (!(error instanceof RuntimeError) || error.kind !== 'conflict') throw error;
      const holder = await this.#find(spec.name);
      // Docker takes the name before the container is visible. Its creator may need a while.
      if (holder === undefined) throw new RuntimeError('unavailable', error.message, error);
      if (!this.#isOurs(holder)) throw error;
      // Its creator may have ended before it made the file.
      if (spec.hasResults && holder.State.Status === 'created') await this.#prepareResults(spec);
      return { adopted: true };
    }
  }

  async start(taskId: string): Promise<void> {
    try {
      await this.#call('start', (abortSignal) => this.#docker.getContainer(taskId).start({ abortSignal }));
    } catch (error) {
      if (!this.#learnsOfNoInit(error)) throw error;
      await this.remove(taskId);
      throw new RuntimeError(
        'notFound',
        'the container must be created again, without an init process',
        error,
      );
    }
  }

  /** True if the failure shows, for the first time, that the engine has no init program. */
  #learnsOfNoInit(error: unknown): boolean {
    const isAbout = error instanceof Error && /docker-init|container-init|catatonit/.test(error.message);
    if (!this.#hasInit || !isAbout) return false;
    this.#log.warn({ err: error }, 'this engine has no init program: containers run without one');
    this.#hasInit = false;
    return true;
  }

  async stop(taskId: string): Promise<void> {
    const info = await this.#call('inspect', (abortSignal) =>
      this.#docker.getContainer(taskId).inspect({ abortSignal }),
    );
    const { StopSignal = 'SIGTERM' } = info.Config as { StopSignal?: string };
    await this.#signal('stop', taskId, StopSignal === '' ? 'SIGTERM' : StopSignal);
  }

  async kill(taskId: string): Promise<void> {
    this.#killed.add(taskId);
    await this.#signal('kill', taskId, 'SIGKILL');
  }

  async readResults(taskId: string): Promise<FileHead | undefined> {
    try {
      return await this.#call('collect', async (abortSignal) => {
        const options = { path: resultsPath, abortSignal };
        return headOfFile((await this.#docker.getContainer(taskId).getArchive(options)) as Readable);
      });
    } catch (error) {
      const isMissing = error instanceof RuntimeError && error.kind === 'notFound';
      if (isMissing && !/no such container/i.test(error.message)) return undefined;
      throw error;
    }
  }

  async remove(taskId: string): Promise<void> {
    this.#killed.delete(taskId);
    try {
      await this.#call('remove', (abortSignal) =>
        this.#docker.getContainer(taskId).remove({ v: true, abortSignal }),
      );
    } catch (error) {
      if (!(error instanceof RuntimeError) || error.kind !== 'notFound') throw error;
    }
  }

  sample(taskIds: readonly string[]): Promise<readonly ContainerUsage[]> {
    return this.#usage.read(taskIds);
  }

  async readMetrics(taskId: string, { port, path }: MetricsEndpoint): Promise<string> {
    const addresses = await this.#usage.addressesOf(taskId, port);
    if (addresses === undefined) throw new RuntimeError('notFound', `container ${taskId} does not run`);
    return this.#pages.fetch(addresses, path);
  }

  async close(): Promise<void> {
    this.#pages.close();
    this.#sockets.destroy();
  }

  /** Makes the file for results. The task can run without it: then it has no results. */
  async #prepareResults(spec: ContainerSpec): Promise<void> {
    const { path, tar } = emptyResults(spec);
    try {
      await this.#call('create', (abortSignal) =>
        this.#docker.getContainer(spec.name).putArchive(tar, { path, abortSignal }),
      );
    } catch (error) {
      if (error instanceof RuntimeError && error.kind === 'unavailable') throw error;
      this.#log.warn(
        { err: error, taskId: spec.name },
        'the file for the results of the task cannot be made',
      );
    }
  }

  async #signal(call: DockerCall, taskId: string, signal: string): Promise<void> {
    await this.#call(call, (abortSignal) => this.#docker.getContainer(taskId).kill({ signal, abortSignal }));
  }

  #stats(taskId: string): Promise<Dockerode.ContainerStats> {
    // Without one-shot, Docker waits one second for a second measurement.
    const wanted = { stream: false as const, 'one-shot': true };
    return this.#call('stats', (abortSignal) => {
      const options: typeof wanted = Object.assign({ abortSignal }, wanted);
      return this.#docker.getContainer(taskId).stats(options);
    });
  }

  async #find(
    taskId: string,
    call: DockerCall = 'inspect',
  ): Promise<Dockerode.ContainerInspectInfo | undefined> {
    try {
      return await this.#call(call, (abortSignal) =>
        this.#docker.getContainer(taskId).inspect({ abortSignal }),
      );
    } catch (error) {
      if (error instanceof RuntimeError && error.kind === 'notFound') return undefined;
      throw error;
    }
  }

  /** Leaves out a container in an unknown state. Its inspection fails, too, so it never counts as running. */
  #summaryOf(row: Dockerode.ContainerInfo): readonly ContainerStatus[] {
    try {
      return [summaryOf(row)];
    } catch (err) {
      this.#log.error({ err, containerId: row.Id }, 'a container is left out of the list');
      return [];
    }
  }

  #isOurs(info: Dockerode.ContainerInspectInfo): boolean {
    return Object.entries(this.#identity).every(([name, value]) => info.Config.Labels[name] === value);
  }
}

async function diskMbOf(directory: string): Promise<number> {
  // An agent in a container does not see Docker's directory. The agent's own root is on the same disk.
  const stats = await statfs(directory).catch(() => statfs('/'));
  return Math.floor((stats.blocks * stats.bsize) / bytesPerMb);
}
