import type { NetworkCounters } from '../../../core/usage.js';

/** The kernel's files with the figures of one container. */
export interface CgroupFiles {
  readonly version: 1 | 2;
  /** The time on the CPUs. */
  readonly cpu: string;
  readonly memory: string;
  readonly memoryStat: string;
}

/**
 * Finds the files of a container from `/proc/PID/cgroup` of its process and `/proc/self/mountinfo`. Returns
 * undefined if they are not visible here, or if the process is not the container's: the process ids of an
 * engine on another host, or in another namespace, mean other processes here.
 */
export function cgroupFiles(
  containerCgroup: string,
  mountInfo: string,
  containerId: string,
): CgroupFiles | undefined {
  const paths = cgroupPaths(containerCgroup, containerId);
  const mounts = cgroupMounts(mountInfo);
  const directory = (controller: string) => {
    const path = paths.get(controller);
    const mount = mounts.get(controller);
    return path === undefined || mount === undefined ? undefined : inMount(mount, path);
  };
  const [cpu, memory, unified] = [directory('cpuacct'), directory('memory'), directory('')];
  if (cpu !== undefined && memory !== undefined) {
    return {
      version: 1,
      cpu: `${cpu}/cpuacct.usage`,
      memory: `${memory}/memory.usage_in_bytes`,
      memoryStat: `${memory}/memory.stat`,
    };
  }
  // Beside controllers of version 1, the unified tree has no figures.
  if (unified === undefined || paths.has('memory')) return undefined;
  return {
    version: 2,
    cpu: `${unified}/cpu.stat`,
    memory: `${unified}/memory.current`,
    memoryStat: `${unified}/memory.stat`,
  };
}

/** Returns paths by controller. The unified tree has an empty name. Lines are `ID:CONTROLLERS:PATH`. */
function cgroupPaths(text: string, containerId: string): ReadonlyMap<string, string> {
  const paths = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [, controllers, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    if (controllers === undefined || path === undefined) continue;
    if (!path.includes(containerId) || path.includes('/..')) continue;
    for (const controller of controllers.split(',')) paths.set(controller, path);
  }
  return paths;
}

interface Mount {
  /** The part of the tree that is mounted. */
  readonly root: string;
  readonly point: string;
}

/** Lines are `ID PARENT DEVICE ROOT POINT OPTIONS… - TYPE SOURCE OPTIONS`. */
function cgroupMounts(text: string): ReadonlyMap<string, Mount> {
  const mounts = new Map<string, Mount>();
  for (const line of text.split('\n')) {
    const [before = '', after = ''] = line.split(' - ');
    const [, , , root, point] = before.split(' ');
    const [type, , options = ''] = after.split(' ');
    if (root === undefined || point === undefined) continue;
    if (type === 'cgroup2') mounts.set('', { root, point });
    if (type === 'cgroup') for (const option of options.split(',')) mounts.set(option, { root, point });
  }
  return mounts;
}

function inMount({ root, point }: Mount, path: string): string | undefined {
  if (root === '/') return `${point}${path}`;
  return path.startsWith(`${root}/`) ? `${point}${path.slice(root.length)}` : undefined;
}

/** Returns milliseconds of CPU time, from `cpuacct.usage` or `cpu.stat`. */
export function cpuMsIn(text: string, version: CgroupFiles['version']): number {
  if (version === 1) return Number(text) / 1_000_000;
  return Number(/^usage_usec (\d+)/m.exec(text)?.[1]) / 1_000;
}

/** Returns the memory in use without the inactive page cache, as `docker stats` does. */
export function memoryBytesIn(usage: string, stat: string): number {
  const bytes = Number(usage);
  // In version 1, names with `total_` include child groups.
  const inactive = /^total_inactive_file (\d+)/m.exec(stat) ?? /^inactive_file (\d+)/m.exec(stat);
  return Math.max(0, bytes - Number(inactive?.[1] ?? 0));
}

/**
 * Returns the sums over all interfaces except the loopback, from `/proc/PID/net/dev`. Undefined if there is
 * no other.
 */
export function networkIn(text: string): NetworkCounters | undefined {
  let counters: NetworkCounters | undefined;
  for (const line of text.split('\n')) {
    const [, name, figures = ''] = /^\s*([^:\s]+):\s*(.*)$/.exec(line) ?? [];
    if (name === undefined || name === 'lo') continue;
    const columns = figures.split(/\s+/).map(Number);
    counters = {
      receivedBytes: (counters?.receivedBytes ?? 0) + (columns[0] ?? 0),
      sentBytes: (counters?.sentBytes ?? 0) + (columns[8] ?? 0),
    };
  }
  return counters;
}
