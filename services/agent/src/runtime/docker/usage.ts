import { closeSync, openSync, readSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { setImmediate as yieldNow } from 'node:timers/promises';
import { type Clock, elapsedMs } from '@berth/shared/process/clock';
import type Dockerode from 'dockerode';
import type { ContainerUsage } from '../../core/usage.js';
import { Semaphore } from '../../primitives/semaphore.js';
import { portAddresses, usageInStats } from './container-status.js';
import { type CgroupFiles, cgroupFiles, cpuMsIn, memoryBytesIn, networkIn } from './core/cgroup-text.js';
import type { PageAddress } from './metrics-page.js';

export interface DockerUsageOptions {
  readonly clock: Clock;
  /** Undefined where there is no such container. */
  inspect(taskId: string): Promise<Dockerode.ContainerInspectInfo | undefined>;
  /** The engine's own figures. */
  stats(taskId: string): Promise<Dockerode.ContainerStats>;
  /** Where the kernel shows processes. */
  readonly procDirectory?: string;
}

/** Where the figures of one run of a container are. */
interface UsageSource {
  readonly startedAtMs: number;
  /** Undefined where only the engine sees them. */
  readonly files: CgroupFiles | undefined;
  /** Absent where the network is not the container's own. */
  readonly netDev?: string;
  addressesOf(port: number): readonly PageAddress[];
}

/** Answers of the engine that are awaited at a time: it looks once a second, for all who wait for that look together. */
const statsAtOnce = 64;
/** Containers that are read before others get their turn: a hundred files take about a millisecond. */
const readsPerTurn = 10;

/**
 * What containers use. Where the kernel's files of a container can be seen, they are read: four small reads instead of an answer
 * of the engine's, which costs it and us some milliseconds. An engine is asked only once for each container, for where that is.
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

  /** Of those that run; what is not asked for is forgotten. */
  async read(taskIds: readonly string[]): Promise<readonly ContainerUsage[]> {
    const asked = new Set(taskIds);
    for (const taskId of this.#sources.keys()) if (!asked.has(taskId)) this.#sources.delete(taskId);
    const usages: ContainerUsage[] = [];
    const byEngine: string[] = [];
    for (const [index, taskId] of taskIds.entries()) {
      if (index % readsPerTurn === readsPerTurn - 1) await yieldNow();
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

  /** Where a port of the container is to be reached; undefined where it does not run. */
  async addressesOf(taskId: string, port: number): Promise<readonly PageAddress[] | undefined> {
    const source = this.#sources.get(taskId) ?? (await this.#find(taskId));
    return source?.addressesOf(port);
  }

  async #find(taskId: string): Promise<UsageSource | undefined> {
    // That the engine does not answer is noticed elsewhere; here it must not cost the figures of the others.
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
      // A tree that is named but cannot be read would fail at every look.
      if (files !== undefined) readSmall(files.cpu);
      return files;
    } catch {
      // The engine's processes are not to be seen from here: it has to tell.
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
      // It has ended, or runs anew as another process.
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
 * A file of the kernel's. At once, since such files never wait for a disk, and handing each of them to another thread would cost
 * ten times as much as reading it.
 */
function readSmall(path: string): string {
  const file = openSync(path, 'r');
  try {
    return buffer.toString('latin1', 0, readSync(file, buffer, 0, buffer.length, 0));
  } finally {
    closeSync(file);
  }
}
