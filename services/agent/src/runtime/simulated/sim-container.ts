import { bytesPerMb } from '@berth/shared/model/resources/amounts';
import type { ContainerStatus } from '../../core/container.js';
import type { ContainerSpec } from '../../core/container-spec.js';
import type { ContainerUsage } from '../../core/usage.js';
import type { Cancel } from '../../primitives/timer-queue.js';
import { RuntimeError } from '../contract/container-runtime.js';
import { countersAfter, loadAt, type SimCounters, type SimLoad } from './core/load.js';
import type { SimScript } from './core/script.js';

const firstHostPort = 32_768;
const hostPortCount = 28_000;

/** One simulated container. */
export interface SimContainer {
  readonly spec: ContainerSpec;
  readonly script: SimScript;
  status: ContainerStatus;
  /** Cancels the timer for the container's end. */
  end?: Cancel;
  /** The counters up to the last change of the load, and the load since then. */
  use: { readonly sinceMs: number; readonly counters: SimCounters; readonly load: SimLoad };
}

export function countersAt({ use, spec }: SimContainer, nowMs: number): SimCounters {
  return countersAfter(use.counters, use.load, { spanMs: nowMs - use.sinceMs, limitMillis: spec.cpuMillis });
}

export function usageOf(container: SimContainer, nowMs: number): ContainerUsage {
  const { use, spec, status } = container;
  const { cpuMs, ...network } = countersAt(container, nowMs);
  return {
    taskId: spec.name,
    readAtMs: nowMs,
    startedAtMs: status.startedAtMs ?? 0,
    cpuMs,
    memoryBytes: loadAt(use.load.memoryMb, nowMs - use.sinceMs) * bytesPerMb,
    ...(spec.network === 'bridge' ? { network } : {}),
  };
}

export function noSuchContainer(taskId: string): RuntimeError {
  return new RuntimeError('notFound', `no such container: ${taskId}`);
}

export function hostPorts({ ports, network }: ContainerSpec, number: number): string {
  return ports
    .map(({ port, protocol, hostPort }, index) => {
      const free = firstHostPort + ((number + index) % hostPortCount);
      const ofHost = network === 'host' ? port : (hostPort ?? free);
      return `${port}:${ofHost}${protocol === 'tcp' ? '' : `/${protocol}`}`;
    })
    .join(',');
}
