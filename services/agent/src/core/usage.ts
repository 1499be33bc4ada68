import type { Resources } from '@berth/shared/gen/berth/v1/store';
import { bytesPerMb } from '@berth/shared/model/resources/amounts';

/** A container's use of resources at one time. Counters only grow within one run of the container. */
export interface ContainerUsage {
  readonly taskId: string;
  /** On a clock that never goes back. Only differences mean something. */
  readonly readAtMs: number;
  /** It differs for each run of the container. */
  readonly startedAtMs: number;
  /** The time on all cores together. */
  readonly cpuMs: number;
  /** Without the page cache: the kernel reclaims that when it needs memory. */
  readonly memoryBytes: number;
  /** Absent if the container has no network of its own. */
  readonly network?: NetworkCounters;
}

export interface NetworkCounters {
  readonly receivedBytes: number;
  readonly sentBytes: number;
}

/** Values by metric name. */
export type Metrics = Readonly<Record<string, number>>;

/** The requested resources. They are the whole to which percentages refer. */
export type RequestedResources = Pick<Resources, 'cpuMillis' | 'memoryMb' | 'networkMbps'>;

/**
 * Returns a container's metrics from two measurements: percentages of its request, and Mbps. They are
 * averages over the time between the two. One measurement alone, or two from different runs, give memory
 * only. A resource that was not requested has no percentage.
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

/** Counters that went back belong to another run, even if the start times are equal. */
function isSameRun(before: ContainerUsage, now: ContainerUsage): boolean {
  return (
    before.startedAtMs === now.startedAtMs && before.readAtMs < now.readAtMs && before.cpuMs <= now.cpuMs
  );
}

/** A link carries as much in each direction. So the busier direction decides its load. */
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
