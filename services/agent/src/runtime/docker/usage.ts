import { closeSync, openSync, readSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { type Clock, elapsedMs, nextTurn } from '@berth/shared/process/clock';
import type Dockerode from 'dockerode';
import type { ContainerUsage } from '../../core/usage.js';
import { Semaphore } from '../../primitives/semaphore.js';
import { portAddresses, usageInStats } from './container-status.js';
import { type CgroupFiles, cgroupFiles, cpuMsIn, memoryBytesIn, networkIn } from './core/cgroup-text.js';
import type { PageAddress } from './metrics-page.js';

interface DockerUsageOptions {
  readonly clock: Clock;
  /** Returns undefined if there is no such container. */
  inspect(taskId: string): Promise<Dockerode.ContainerInspectInfo | undefined>;
  /** Returns the engine's own figures. */
  stats(taskId: string): Promise<Dockerode.ContainerStats>;
  /** The kernel's directory of processes. */
  readonly procDirectory?: string;
}

/** The source of the figures for one run of a container. */
interface UsageSource {
  readonly startedAtMs: number;
  /** Undefined if only the engine sees them. */
  readonly files: CgroupFiles | undefined;
  /** Absent if the container has no network of its own. */
  readonly netDev?: string;
  addressesOf(port: number): readonly PageAddress[];
}

/**
 * The number of answers that are awaited at one time. The engine measures once a second for all waiting calls
 * together.
 */
const statsAtOnce = 64;
/** Other work gets its turn after so many containers. A hundred files take about a millisecond. */
const readsPerTurn = 10;

/**
 * Measures the use of resources. It reads the kernel's files of a container if they are visible: four small
 * reads replace an answer of the engine that takes some milliseconds on both sides. The engine is asked once
 * a container, for the paths.
 */
export class DockerUsage {
  readonly #options: DockerUsageOptions;
  readonly #proc: string;
  readonly #sources = new Map<string, UsageSource>();
  readonly #stats = new Semaphore(statsAtOnce);

  constructor(options: DockerUsageOptions) {
    this.#options = options;
    this.#proc = options.procDirectory ?? '/proc';
  }

  /** Returns figures of the containers that run. Forgets all containers that are not in the list. */
  async read(taskIds: readonly string[]): Promise<readonly ContainerUsage[]> {
    const asked = new Set(taskIds);
    for (const taskId of this.#sources.keys()) if (!asked.has(taskId)) this.#sources.delete(taskId);
    const usages: ContainerUsage[] = [];
    const byEngine: string[] = [];
    for (const [index, taskId] of taskIds.entries()) {
      if (index % readsPerTurn === readsPerTurn - 1) await nextTurn();
      const source = this.#sources.get(taskId) ?? (await this.#find(taskId));
      if (source === undefined) continue;
      if (source.files === undefined) byEngine.push(taskId);
      else usages.push(...this.#readFiles(taskId, source, source.files));
    }
    const byEngineUsages = await Promise.all(
      byEngine.map((taskId) => this.#stats.run(() => this.#ask(taskId))),
    );
    return [...usages, ...byEngineUsages.flat()];
  }

  /** Returns the addresses of a container's port. Undefined if the container does not run. */
  async addressesOf(taskId: string, port: number): Promise<readonly PageAddress[] | undefined> {
    const source = this.#sources.get(taskId) ?? (await this.#find(taskId));
    return source?.addressesOf(port);
  }

  async #find(taskId: string): Promise<UsageSource | undefined> {
    // Another part notices that the engine does not answer. Here the figures of the other containers still
    // count.
    const info = await this.#options.inspect(taskId).catch(() => undefined);
    if (info === undefined || !info.State.Running) return undefined;
    const { Pid } = info.State;
    const files = await this.#filesOf(Pid, info.Id);
    const hasOwnNetwork = info.HostConfig.NetworkMode !== 'host';
    const source: UsageSource = {
      startedAtMs: Date.parse(info.State.StartedAt),
      files,
      addressesOf: (port) => portAddresses(info, port),
      ...(hasOwnNetwork ? { netDev: `${this.#proc}/${Pid}/net/dev` } : {}),
    };
    this.#sources.set(taskId, source);
    return source;
  }

  async #filesOf(pid: number, containerId: string): Promise<CgroupFiles | undefined> {
    try {
      const [ofProcess, mounts] = await Promise.all([
        readFile(`${this.#proc}/${pid}/cgroup`, 'utf8'),
        readFile(`${this.#proc}/self/mountinfo`, 'utf8'),
      ]);
      const files = cgroupFiles(ofProcess, mounts, containerId);
      // A path that is known but not readable would fail at each measurement.
      if (files !== undefined) readSmall(files.cpu);
      return files;
    } catch {
      // The engine's processes are not visible here. So the engine must measure.
      return undefined;
    }
  }

  #readFiles(taskId: string, { startedAtMs, netDev }: UsageSource, files: CgroupFiles): ContainerUsage[] {
    try {
      const network = netDev === undefined ? undefined : networkIn(readSmall(netDev));
      const usage = {
        taskId,
        startedAtMs,
        readAtMs: elapsedMs(this.#options.clock),
        cpuMs: cpuMsIn(readSmall(files.cpu), files.version),
        memoryBytes: memoryBytesIn(readSmall(files.memory), readSmall(files.memoryStat)),
        ...(network === undefined ? {} : { network }),
      };
      return Number.isFinite(usage.cpuMs + usage.memoryBytes) ? [usage] : [];
    } catch {
      // The container has ended, or runs again as another process.
      this.#sources.delete(taskId);
      return [];
    }
  }

  async #ask(taskId: string): Promise<ContainerUsage[]> {
    const startedAtMs = this.#sources.get(taskId)?.startedAtMs ?? 0;
    const stats = await this.#options.stats(taskId).catch(() => undefined);
    const usage = stats && usageInStats(stats);
    if (usage === undefined) this.#sources.delete(taskId);
    return usage === undefined
      ? []
      : [{ ...usage, taskId, startedAtMs, readAtMs: elapsedMs(this.#options.clock) }];
  }
}

const buffer = Buffer.allocUnsafe(64 * 1024);

/**
 * Reads a file of the kernel synchronously. Such files never wait for a disk, and the way through another
 * thread takes ten times as long.
 */
function readSmall(path: string): string {
  const file = openSync(path, 'r');
  try {
    return buffer.toString('latin1', 0, readSync(file, buffer, 0, buffer.length, 0));
  } finally {
    closeSync(file);
  }
}
