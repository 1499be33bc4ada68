import type { AgentInfo } from '../agent/agent-info.js';
import type { Booking } from '../agent/booking.js';

interface VictimSearch {
  readonly count: number;
  readonly fits: (victims: readonly Booking[]) => boolean;
  /** The number of sets that may still be tried. */
  readonly budget: { left: number };
}

/** The first set of so many tasks that makes enough capacity free, in the order of the tasks. */
export function findVictims(
  willing: readonly Booking[],
  { count, fits, budget }: VictimSearch,
  chosen: readonly Booking[] = [],
  from = 0,
): readonly Booking[] | undefined {
  if (chosen.length === count) {
    budget.left -= 1;
    return fits(chosen) ? chosen : undefined;
  }
  const last = willing.length - (count - chosen.length);
  for (let at = from; at <= last && budget.left > 0; at += 1) {
    const booking = willing[at];
    if (booking === undefined) return undefined;
    const victims = findVictims(willing, { count, fits, budget }, [...chosen, booking], at + 1);
    if (victims !== undefined) return victims;
  }
  return undefined;
}

/** Spares one victim after another if the capacity suffices without it: the biggest ones first. */
export function spareVictims(
  victims: readonly Booking[],
  fits: (victims: readonly Booking[]) => boolean,
): readonly Booking[] {
  let left = victims;
  for (const victim of victims.toReversed()) {
    const fewer = left.filter((each) => each !== victim);
    if (fits(fewer)) left = fewer;
  }
  return left;
}

/** The part of the agent that the task holds. */
export function weightOf({ resources }: Booking, { total }: AgentInfo): number {
  return (
    resources.cpuMillis / (total.cpuMillis || 1) +
    resources.memoryMb / (total.memoryMb || 1) +
    resources.gpuMillis / (total.gpuMillis || 1)
  );
}
