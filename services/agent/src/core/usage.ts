import type { Resources } from '@berth/shared/gen/berth/v1/store';
import { bytesPerMb } from '@berth/shared/model/resources/resources';

/** What a container had used when it was looked at. Counters only grow, within one run of the container. */
export interface ContainerUsage {
  readonly taskId: string;
  /** On a clock that never goes back; only differences mean something. */
  readonly readAtMs: number;
  /** Tells runs of the container apart. */
  readonly startedAtMs: number;
  /** Time on all cores together. */
  readonly cpuMs: number;
  /** Without the page cache, which the kernel takes back when it needs it. */
  readonly memoryBytes: number;
  /** Absent where the container has no network of its own. */
  readonly network?: NetworkCounters;
}

export interface NetworkCounters {
  readonly receivedBytes: number;
  readonly sentBytes: number;
}

/** Values by the name of the metric. */
export type Metrics = Readonly<Record<string, number>>;

/** What was asked for: the whole to which percentages refer. */
export type RequestedResources = Pick<Resources, 'cpuMillis' | 'memoryMb' | 'networkMbps'>;

/**
 * The metrics of a container from two looks at it: percentages of what its task asked for, and Mbps, as averages over the time
 * between the looks, however long that was. From one look, or across a restart, only its memory can be told. There is no
 * percentage of something that was not asked for.
 */
export function usageMetrics(
  before: ContainerUsage | undefined,
  now: ContainerUsage,
  asked: RequestedResources,
): Metrics {
  const memory = percentage('MemoryUtilization', now.memoryBytes, asked.memoryMb * bytesPerMb);
  if (before === undefined || !isSameRun(before, now)) return memory;
  const spanMs = now.readAtMs - before.readAtMs;
  const cpuMillis = (1000 * (now.cpuMs - before.cpuMs)) / spanMs;
  return {
    ...percentage('CPUUtilization', cpuMillis, asked.cpuMillis),
    ...memory,
    ...networkMetrics(before.network, now.network, { spanMs, askedMbps: asked.networkMbps }),
  };
}

/** Counters that went back belong to another run, whatever else says so. */
function isSameRun(before: ContainerUsage, now: ContainerUsage): boolean {
  return (
    before.startedAtMs === now.startedAtMs && before.readAtMs < now.readAtMs && before.cpuMs <= now.cpuMs
  );
}

/** Links carry as much one way as the other, so that the busier direction decides how full one is. */
function networkMetrics(
  before: NetworkCounters | undefined,
  now: NetworkCounters | undefined,
  { spanMs, askedMbps }: { readonly spanMs: number; readonly askedMbps: number },
): Metrics {
  if (before === undefined || now === undefined) return {};
  const NetworkIn = mbps(now.receivedBytes - before.receivedBytes, spanMs);
  const NetworkOut = mbps(now.sentBytes - before.sentBytes, spanMs);
  if (NetworkIn < 0 || NetworkOut < 0) return {};
  const busier = Math.max(NetworkIn, NetworkOut);
  return { NetworkIn, NetworkOut, ...percentage('NetworkUtilization', busier, askedMbps) };
}

function mbps(bytes: number, spanMs: number): number {
  return (bytes * 8) / (1000 * spanMs);
}

function percentage(name: string, used: number, asked: number): Metrics {
  return asked > 0 ? { [name]: (100 * used) / asked } : {};
}
