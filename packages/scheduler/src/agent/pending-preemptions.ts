/*
 * Preemptions that are not over. A preemptor is placed while its victims still run, and waits on its agent
 * until all of them are gone. The order of the victims' ends is not known before. So each resource counts as
 * taken by the most that tasks can hold of it at any one time.
 */

import type { Resources } from '@berth/shared/gen/berth/v1/store';
import { takenPerGpu } from '@berth/shared/model/resources/gpus';
import { addTo, raiseTo, zeroResources } from '@berth/shared/model/resources/vector';
import type { Booking } from './booking.js';

/** The capacity that tasks hold at one time, or at most over some time. */
interface HeldCapacity {
  /** Its gpus are not used: `gpus` counts them. */
  readonly amounts: Resources;
  /** The taken thousandths of each gpu. */
  readonly gpus: number[];
}

/** The tasks that others on the agent wait for and that are still there. */
export function awaitedAmong(
  preemptors: Iterable<Booking>,
  bookings: ReadonlyMap<string, Booking>,
): ReadonlySet<string> {
  let awaited: Set<string> | undefined;
  for (const { awaits = [] } of preemptors)
    for (const taskId of awaits) if (bookings.has(taskId)) awaited = (awaited ?? new Set()).add(taskId);
  return awaited ?? none;
}

/**
 * The most that the agent's tasks can hold of each resource at any one time, in any order of the victims'
 * ends.
 *
 * A preemptor waits for all tasks that stop on its agent when it is placed, and a task that stops never goes
 * on. So of two preemptors the later one waits for every task that the earlier one still waits for. Hence
 * there is one time to look at for each preemptor: the time when its last victim has gone.
 */
export function mostHeld(
  bookings: ReadonlyMap<string, Booking>,
  awaited: ReadonlySet<string>,
  gpus: number,
): HeldCapacity {
  // Two times suffice for most agents: now, and the time when all victims have gone.
  const most = nothingHeld(gpus);
  const last = nothingHeld(gpus);
  let waiting = 0;
  for (const booking of bookings.values()) {
    if (waitsForVictims(booking, bookings, none)) waiting += 1;
    else add(most, booking);
    if (!awaited.has(booking.taskId)) add(last, booking);
  }
  raise(most, last);
  if (waiting < 2) return most;
  for (const { awaits = [] } of bookings.values()) {
    const gone = new Set(awaits.filter((taskId) => bookings.has(taskId)));
    if (gone.size > 0 && gone.size < awaited.size) raise(most, heldOnceGone(bookings, gone, gpus));
  }
  return most;
}

const none: ReadonlySet<string> = new Set();

/** The capacity that is held when those have gone, and all that wait for no other task have started. */
function heldOnceGone(
  bookings: ReadonlyMap<string, Booking>,
  gone: ReadonlySet<string>,
  gpus: number,
): HeldCapacity {
  const held = nothingHeld(gpus);
  for (const booking of bookings.values())
    if (!gone.has(booking.taskId) && !waitsForVictims(booking, bookings, gone)) add(held, booking);
  return held;
}

function nothingHeld(gpus: number): HeldCapacity {
  const held: HeldCapacity = { amounts: zeroResources(), gpus: [] };
  for (let gpu = 0; gpu < gpus; gpu += 1) held.gpus.push(0);
  return held;
}

function waitsForVictims(
  { awaits }: Booking,
  bookings: ReadonlyMap<string, Booking>,
  gone: ReadonlySet<string>,
): boolean {
  if (awaits === undefined) return false;
  for (const id of awaits) if (!gone.has(id) && bookings.has(id)) return true;
  return false;
}

function add(held: HeldCapacity, { resources, gpus }: Booking): void {
  addTo(held.amounts, resources);
  const each = takenPerGpu(resources.gpuMillis);
  if (each === 0) return;
  for (const gpu of gpus) if (gpu < held.gpus.length) held.gpus[gpu] = (held.gpus[gpu] ?? 0) + each;
}

function raise(most: HeldCapacity, other: HeldCapacity): void {
  raiseTo(most.amounts, other.amounts);
  for (let gpu = 0; gpu < most.gpus.length; gpu += 1)
    most.gpus[gpu] = Math.max(most.gpus[gpu] ?? 0, other.gpus[gpu] ?? 0);
}
