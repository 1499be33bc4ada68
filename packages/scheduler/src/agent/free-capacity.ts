import type { Resources } from '@berth/shared/gen/berth/v1/store';
import { chooseGpus, freshGpus, takenPerGpu } from '@berth/shared/model/resources/gpus';
import { addTo, copyResources, fitsAmounts, subtractFrom } from '@berth/shared/model/resources/vector';
import type { AgentInfo } from './agent-info.js';
import type { Booking } from './booking.js';
import { type HeldPorts, holdPorts, noHeldPorts, releasePorts } from './held-ports.js';

/** The free capacity of an agent once some of its tasks have ended. */
export interface FreeCapacity {
  readonly free: Resources;
  readonly gpus: readonly number[];
  /** The number of tasks that are still there. */
  readonly tenants: number;
  /** The number of tasks among them that keep all others off. */
  readonly exclusive: number;
  /** The ports of the host that they hold. */
  readonly hostPorts: HeldPorts;
}

/** True if the capacity suffices for the request. */
export function fitsIn(request: Resources, { free, gpus }: FreeCapacity): boolean {
  return (
    fitsAmounts(request, free) &&
    (request.gpuMillis === 0 || chooseGpus(request.gpuMillis, gpus) !== undefined)
  );
}

/** The agent's capacity once its leaving tasks are gone, and all others have started. */
export function capacityOnceGone(
  { total, bookings }: AgentInfo,
  isLeaving: (booking: Booking) => boolean,
): FreeCapacity {
  const free = copyResources(total);
  const gpus = freshGpus(total.gpuMillis);
  let tenants = 0;
  let exclusive = 0;
  let hostPorts = noHeldPorts;
  for (const booking of bookings.values()) {
    if (isLeaving(booking)) continue;
    const { resources, isExclusive } = booking;
    hostPorts = holdPorts(hostPorts, booking);
    tenants += 1;
    if (isExclusive) exclusive += 1;
    subtractFrom(free, resources);
    if (resources.gpuMillis === 0) continue;
    const each = takenPerGpu(resources.gpuMillis);
    for (const gpu of booking.gpus) if (gpus[gpu] !== undefined) gpus[gpu] -= each;
  }
  free.gpuMillis = gpus.reduce((sum, left) => sum + left, 0);
  return { free, gpus, tenants, exclusive, hostPorts };
}

/** The capacity once these tasks have ended, too. */
export function capacityWithout(capacity: FreeCapacity, ended: readonly Booking[]): FreeCapacity {
  const free = copyResources(capacity.free);
  let { gpus, tenants, exclusive, hostPorts } = capacity;
  for (const booking of ended) {
    const { resources, isExclusive, gpus: held } = booking;
    tenants -= 1;
    hostPorts = releasePorts(hostPorts, booking);
    if (isExclusive) exclusive -= 1;
    addTo(free, resources);
    if (resources.gpuMillis === 0) continue;
    const each = takenPerGpu(resources.gpuMillis);
    free.gpuMillis += each * held.length - resources.gpuMillis;
    gpus = gpus.map((left, gpu) => (held.includes(gpu) ? left + each : left));
  }
  return { free, gpus, tenants, exclusive, hostPorts };
}
