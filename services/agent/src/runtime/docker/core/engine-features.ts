/** The part of an engine's information about itself that says what it can do. */
export interface EngineInfo {
  readonly Driver?: string;
  readonly DriverStatus?: readonly (readonly string[])[] | null;
  readonly DockerRootDir?: string;
  readonly LoggingDriver?: string;
  readonly CgroupVersion?: string;
  readonly CpuCfsQuota?: boolean;
  readonly MemoryLimit?: boolean;
  readonly SwapLimit?: boolean;
  readonly PidsLimit?: boolean;
  readonly SecurityOptions?: readonly string[] | null;
  readonly LiveRestoreEnabled?: boolean;
  /** Only Podman has it. */
  readonly BuildahVersion?: string;
}

/** The abilities of an engine that differ from host to host. */
export interface EngineFeatures {
  readonly cpuLimit: boolean;
  readonly memoryLimit: boolean;
  readonly swapLimit: boolean;
  readonly pidsLimit: boolean;
  /** True if the storage driver can limit the size of a container's file system. */
  readonly diskLimit: boolean;
  /** The logging driver, if it is one whose files can be limited. */
  readonly boundedLog: 'json-file' | 'local' | undefined;
  readonly seccomp: boolean;
  readonly rootless: boolean;
  /** Containers go on while the engine is away. */
  readonly outlivesEngine: boolean;
  readonly isPodman: boolean;
  readonly cgroup: string | undefined;
}

/** The abilities that are assumed until the engine has answered. */
export const usualFeatures: EngineFeatures = {
  cpuLimit: true,
  memoryLimit: true,
  swapLimit: true,
  pidsLimit: true,
  diskLimit: false,
  boundedLog: undefined,
  seccomp: true,
  rootless: false,
  outlivesEngine: false,
  isPodman: false,
  cgroup: undefined,
};

/**
 * Reads the abilities from an engine's answer. An engine that does not mention an ability has it. `mounts` is
 * the content of `/proc/self/mountinfo`. PURE.
 */
export function engineFeatures(info: EngineInfo, mounts = ''): EngineFeatures {
  const options = info.SecurityOptions ?? undefined;
  const has = (name: string) =>
    options?.some((option) => option.split(',').includes(`name=${name}`)) === true;
  const isPodman = info.BuildahVersion !== undefined;
  return {
    cpuLimit: info.CpuCfsQuota !== false,
    memoryLimit: info.MemoryLimit !== false,
    swapLimit: info.SwapLimit !== false,
    pidsLimit: info.PidsLimit !== false,
    diskLimit: limitsDisk(info, mounts),
    boundedLog: boundedDrivers.find((driver) => driver === info.LoggingDriver),
    seccomp: options === undefined || has('seccomp'),
    rootless: has('rootless'),
    // Podman's containers do not depend on the service that answers here.
    outlivesEngine: info.LiveRestoreEnabled === true || isPodman,
    isPodman,
    cgroup: info.CgroupVersion,
  };
}

const boundedDrivers = ['json-file', 'local'] as const;

/** Returns the attributes of an agent that say what its engine cannot do. PURE. */
export function featureAttributes(features: EngineFeatures): Readonly<Record<string, string>> {
  const missing = limitNames.filter((name) => !features[name]);
  return {
    ...(features.cgroup === undefined ? {} : { 'engine.cgroup': `v${features.cgroup}` }),
    'engine.diskLimit': features.diskLimit ? 'enforced' : 'none',
    ...Object.fromEntries(missing.map((name) => [`engine.${name}`, 'none'])),
    ...(features.rootless ? { 'engine.rootless': 'true' } : {}),
  };
}

const limitNames = ['cpuLimit', 'memoryLimit', 'swapLimit', 'pidsLimit', 'seccomp'] as const;

/** These storage drivers limit a file system on every host. */
const limitingDrivers: readonly (string | undefined)[] = ['btrfs', 'zfs', 'devicemapper'];

function limitsDisk({ Driver, DriverStatus, DockerRootDir = '' }: EngineInfo, mounts: string): boolean {
  if (limitingDrivers.includes(Driver)) return true;
  const backing = DriverStatus?.find(([name]) => name === 'Backing Filesystem')?.[1];
  const isOverlay = Driver === 'overlay2' || Driver === 'overlay';
  return isOverlay && backing === 'xfs' && hasProjectQuota(mounts, DockerRootDir);
}

/** True if the mount that holds the directory keeps quotas of projects. Overlay limits need them. */
function hasProjectQuota(mounts: string, directory: string): boolean {
  const holding = mounts
    .split('\n')
    .map((line) => line.split(' '))
    .filter(([, , , , point = '']) => isWithin(directory, point))
    .sort(([, , , , a = ''], [, , , , b = '']) => b.length - a.length)[0];
  return holding !== undefined && /(?:^|,)p(?:rj)?quota(?:,|$)/.test(holding.at(-1) ?? '');
}

function isWithin(directory: string, point: string): boolean {
  return point === '/' || directory === point || directory.startsWith(`${point}/`);
}
