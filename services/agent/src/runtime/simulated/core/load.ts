import type { ContainerUsage } from '../../../core/usage.js';

/**
 * A value that changes in steps. Times are milliseconds since the container's start; the first step begins at
 * 0.
 */
type LoadProfile = readonly { readonly fromMs: number; readonly value: number }[];

/** The use of resources of a simulated container while it runs. */
export interface SimLoad {
  readonly cpuMillis: LoadProfile;
  readonly memoryMb: LoadProfile;
  readonly networkInMbps: LoadProfile;
  readonly networkOutMbps: LoadProfile;
}

const noLoad: LoadProfile = [];
const maxSteps = 100;
const step = /^(?:(\d{1,9}):)?(\d{1,9}(?:\.\d{1,6})?)$/;

/**
 * Reads `VALUE`, or steps `SECONDS:VALUE` separated by commas, and sorts them by time. Everything else is no
 * load.
 */
export function loadProfile(text: string | undefined): LoadProfile {
  if (text === undefined) return noLoad;
  const steps = text.split(',', maxSteps).flatMap((each) => {
    const [, seconds = '0', value] = step.exec(each.trim()) ?? [];
    return value === undefined ? [] : [{ fromMs: Number(seconds) * 1000, value: Number(value) }];
  });
  return steps.toSorted((a, b) => a.fromMs - b.fromMs);
}

/** Returns a load that stays the same. */
export function steadyLoad(value: number): LoadProfile {
  return [{ fromMs: 0, value }];
}

/** Returns the value at that time. */
export function loadAt(profile: LoadProfile, atMs: number): number {
  return profile.findLast(({ fromMs }) => fromMs <= atMs)?.value ?? 0;
}

/** Returns the sum of value × milliseconds up to that time. No step counts for more than `most`. */
export function loadUntil(profile: LoadProfile, untilMs: number, most = Number.POSITIVE_INFINITY): number {
  return profile.reduce((sum, { fromMs, value }, index) => {
    const endMs = Math.min(untilMs, profile[index + 1]?.fromMs ?? untilMs);
    return sum + Math.max(0, endMs - fromMs) * Math.min(value, most);
  }, 0);
}

/** The counters of a simulated container at the beginning of its load. */
export type SimCounters = Pick<ContainerUsage, 'cpuMs'> & NonNullable<ContainerUsage['network']>;

export const noCounters: SimCounters = { cpuMs: 0, receivedBytes: 0, sentBytes: 0 };

/**
 * Returns the counters after `spanMs` of the load. The container's limit bounds the CPU time; 0 is no limit.
 */
export function countersAfter(
  before: SimCounters,
  load: SimLoad,
  { spanMs, limitMillis }: { readonly spanMs: number; readonly limitMillis: number },
): SimCounters {
  const most = limitMillis > 0 ? limitMillis : Number.POSITIVE_INFINITY;
  return {
    cpuMs: before.cpuMs + loadUntil(load.cpuMillis, spanMs, most) / 1000,
    receivedBytes: before.receivedBytes + bytesOf(loadUntil(load.networkInMbps, spanMs)),
    sentBytes: before.sentBytes + bytesOf(loadUntil(load.networkOutMbps, spanMs)),
  };
}

/** A megabit in a second is 125 bytes in a millisecond. */
function bytesOf(mbpsMs: number): number {
  return mbpsMs * 125;
}
