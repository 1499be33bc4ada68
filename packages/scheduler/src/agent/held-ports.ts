/*
 * The ports of a host that tasks hold by number. Most agents have none, so all of those share one empty map.
 */
import type { Booking } from './booking.js';

/** By port, such as `8080/tcp`: the number of tasks that hold it, or wait for it on the same agent. */
export type HeldPorts = ReadonlyMap<string, number>;

type PortHolder = Pick<Booking, 'hostPorts'>;

export const noHeldPorts: HeldPorts = new Map();

/** Returns the ports with those of the task. */
export function holdPorts(held: HeldPorts, task: PortHolder): HeldPorts {
  return changed(held, task, 1);
}

/** Returns the ports without those of the task. */
export function releasePorts(held: HeldPorts, task: PortHolder): HeldPorts {
  return changed(held, task, -1);
}

/** True if one of the wanted ports is held. */
export function holdsAny(held: HeldPorts, wanted: readonly string[]): boolean {
  if (held.size === 0) return false;
  for (const port of wanted) if (held.has(port)) return true;
  return false;
}

function changed(held: HeldPorts, { hostPorts = none }: PortHolder, by: 1 | -1): HeldPorts {
  if (hostPorts.length === 0) return held;
  const counts = new Map(held);
  for (const port of hostPorts) {
    const count = (counts.get(port) ?? 0) + by;
    if (count === 0) counts.delete(port);
    else counts.set(port, count);
  }
  return counts.size === 0 ? noHeldPorts : counts;
}

const none: readonly string[] = [];
