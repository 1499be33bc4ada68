import type { ContainerUsage } from '../../../core/usage.js';

/** A value that changes at times, in milliseconds since the container's start; the first step begins at 0. */
export type LoadProfile = readonly { readonly fromMs: number; readonly value: number }[];

/** What a simulated container uses, as long as it runs. */
export interface SimLoad {
  readonly cpuMillis: LoadProfile;
  readonly memoryMb: LoadProfile;
  readonly networkInMbps: LoadProfile;
  readonly networkOutMbps: LoadProfile;
}

const noLoad: LoadProfile = [];
const maxSteps = 100;
const step = /^(?:(\d{1,9}):)?(\d{1,9}(?:\.\d{1,6})?)$/;

/** Reads `VALUE`, or `SECONDS:VALUE` steps with commas between, in the order of their times; what is neither is no load. */
export function loadProfile(text: string | undefined): LoadProfile {
  if (text === undefined) return noLoad;
  const steps = text.split(',', maxSteps).flatMap((each) => {
    const [, seconds = '0', value] = step.exec(each.trim()) ?? [];
    return value === undefined ? [] : [{ fromMs: Number(seconds) * 1000, value: Number(value) }];
  });
  return steps.toSorted((a, b) => a.fromMs - b.fromMs);
}

/** A load that stays the same. */
export function steadyLoad(value: number): LoadProfile {
  return [{ fromMs: 0, value }];
}

/** The value at that time. */
export function loadAt(profile: LoadProfile, atMs: number): number {
  return profile.findLast(({ fromMs }) => fromMs <= atMs)?.value ?? 0;
}

/** The sum up to that time: value × milliseconds. No step counts for more than `most`. */
export function loadUntil(profile: LoadProfile, untilMs: number, most = Number.POSITIVE_INFINITY): number {
  return profile.reduce((sum, { fromMs, value }, index) => {
    const endMs = Math.min(untilMs, profile[index + 1]?.fromMs ?? untilMs);
    return sum + Math.max(0, endMs - fromMs) * Math.min(value, most);
  }, 0);
}

/** Counters of a simulated container, when its load began or was changed. */
export type SimCounters = Pick<ContainerUsage, 'cpuMs'> & NonNullable<ContainerUsage['network']>;

export const noCounters: SimCounters = { cpuMs: 0, receivedBytes: 0, sentBytes: 0 };

/** The counters after `spanMs` of the load; no more CPU time than the container's limit (0: none) allows. */
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
