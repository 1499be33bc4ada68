/*
 * The arithmetic of resources, for the scheduler and the agents alike.
 *
 * Each function names every field. A loop over `resourceFields` would be shorter, but it reads fields by a
 * name that the compiler of V8 does not know, and `fits` runs for every agent that a search looks at: the
 * loop takes more than ten times as long (measured with 20,000 vectors). A test holds each function to the
 * list in `kinds.ts`: with a new kind it names the functions to complete.
 */

import type { Resources } from '../../gen/berth/v1/store.js';

/** Nothing of anything. */
export function zeroResources(): Resources {
  return { cpuMillis: 0, memoryMb: 0, diskMb: 0, networkMbps: 0, gpuMillis: 0, ports: 0, eni: 0 };
}

/**
 * A copy of the vector. `{ ...resources }` would be of another shape for V8, and code that meets many shapes
 * is slow.
 */
export function copyResources(resources: Resources): Resources {
  const { cpuMillis, memoryMb, diskMb, networkMbps, gpuMillis, ports, eni } = resources;
  return { cpuMillis, memoryMb, diskMb, networkMbps, gpuMillis, ports, eni };
}

export function addResources(a: Resources, b: Resources): Resources {
  const sum = copyResources(a);
  addTo(sum, b);
  return sum;
}

/** `a` without `b`; negative in each resource of that `b` has more. */
export function subtractResources(a: Resources, b: Resources): Resources {
  const left = copyResources(a);
  subtractFrom(left, b);
  return left;
}

/** Adds to a sum in place. */
export function addTo(sum: Resources, resources: Resources): void {
  sum.cpuMillis += resources.cpuMillis;
  sum.memoryMb += resources.memoryMb;
  sum.diskMb += resources.diskMb;
  sum.networkMbps += resources.networkMbps;
  sum.gpuMillis += resources.gpuMillis;
  sum.ports += resources.ports;
  sum.eni += resources.eni;
}

/** Subtracts from a sum in place. */
export function subtractFrom(sum: Resources, resources: Resources): void {
  sum.cpuMillis -= resources.cpuMillis;
  sum.memoryMb -= resources.memoryMb;
  sum.diskMb -= resources.diskMb;
  sum.networkMbps -= resources.networkMbps;
  sum.gpuMillis -= resources.gpuMillis;
  sum.ports -= resources.ports;
  sum.eni -= resources.eni;
}

/** Makes `target` the difference of two vectors. */
export function setDifference(target: Resources, a: Resources, b: Resources): void {
  target.cpuMillis = a.cpuMillis - b.cpuMillis;
  target.memoryMb = a.memoryMb - b.memoryMb;
  target.diskMb = a.diskMb - b.diskMb;
  target.networkMbps = a.networkMbps - b.networkMbps;
  target.gpuMillis = a.gpuMillis - b.gpuMillis;
  target.ports = a.ports - b.ports;
  target.eni = a.eni - b.eni;
}

/** Raises each resource of `most` to that of the other, if the other has more. */
export function raiseTo(most: Resources, other: Resources): void {
  if (other.cpuMillis > most.cpuMillis) most.cpuMillis = other.cpuMillis;
  if (other.memoryMb > most.memoryMb) most.memoryMb = other.memoryMb;
  if (other.diskMb > most.diskMb) most.diskMb = other.diskMb;
  if (other.networkMbps > most.networkMbps) most.networkMbps = other.networkMbps;
  if (other.gpuMillis > most.gpuMillis) most.gpuMillis = other.gpuMillis;
  if (other.ports > most.ports) most.ports = other.ports;
  if (other.eni > most.eni) most.eni = other.eni;
}

/** Sets every resource to nothing. */
export function clearResources(target: Resources): void {
  target.cpuMillis = 0;
  target.memoryMb = 0;
  target.diskMb = 0;
  target.networkMbps = 0;
  target.gpuMillis = 0;
  target.ports = 0;
  target.eni = 0;
}

/** A set of bits: the resources of that `a` has the same as `b`. */
export function equalBits(a: Resources, b: Resources): number {
  return (
    Number(a.cpuMillis === b.cpuMillis) |
    (Number(a.memoryMb === b.memoryMb) << 1) |
    (Number(a.diskMb === b.diskMb) << 2) |
    (Number(a.networkMbps === b.networkMbps) << 3) |
    (Number(a.gpuMillis === b.gpuMillis) << 4) |
    (Number(a.ports === b.ports) << 5) |
    (Number(a.eni === b.eni) << 6)
  );
}

/** True if the request is at most the free amount of every resource. */
export function fits(request: Resources, free: Resources): boolean {
  return fitsAmounts(request, free) && request.gpuMillis <= free.gpuMillis;
}

/** The same for all resources but gpus: those are counted one by one, as `gpus.ts` does. */
export function fitsAmounts(request: Resources, free: Resources): boolean {
  return (
    request.cpuMillis <= free.cpuMillis &&
    request.memoryMb <= free.memoryMb &&
    request.diskMb <= free.diskMb &&
    request.networkMbps <= free.networkMbps &&
    request.ports <= free.ports &&
    request.eni <= free.eni
  );
}

/**
 * The least number of `each` that makes up for the shortfall in all resources but gpus; Infinity if no number
 * does. A resource without a shortfall, so 0 or less, needs none.
 */
export function timesToCover(shortfall: Resources, each: Resources): number {
  return Math.max(
    times(shortfall.cpuMillis, each.cpuMillis),
    times(shortfall.memoryMb, each.memoryMb),
    times(shortfall.diskMb, each.diskMb),
    times(shortfall.networkMbps, each.networkMbps),
    times(shortfall.ports, each.ports),
    times(shortfall.eni, each.eni),
  );
}

function times(shortfall: number, each: number): number {
  return shortfall <= 0 ? 0 : Math.ceil(shortfall / each);
}

/** A text that is the same for equal vectors only. */
export function resourcesKey(resources: Resources): string {
  const { cpuMillis, memoryMb, diskMb, networkMbps, gpuMillis, ports, eni } = resources;
  return `${cpuMillis}/${memoryMb}/${diskMb}/${networkMbps}/${gpuMillis}/${ports}/${eni}`;
}
