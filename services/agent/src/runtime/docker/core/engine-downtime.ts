import type { ContainerStatus } from '../../../core/container.js';

/** A time without the engine. It has no end while the engine is away. */
export interface Downtime {
  readonly fromMs: number;
  readonly toMs?: number;
}

/** Older ones are dropped. The containers that ended in them were inspected long ago. */
const maxDowntimes = 20;
/** An engine that shuts down first ends its containers, for at most this time. Then it goes away. */
const shutdownMs = 20_000;
/** The engine may date an end this much later than its own return. */
const returnMs = 5_000;

/** 128 + SIGKILL and 128 + SIGTERM, the signals that engines use, and 255 for an unknown exit code. */
const engineExitCodes: readonly (number | undefined)[] = [137, 143, 255];

/** Returns the downtimes after the engine was lost, or has come back. */
export function updateDowntimes(
  downtimes: readonly Downtime[],
  is: 'lost' | 'back',
  nowMs: number,
): readonly Downtime[] {
  const last = downtimes.at(-1);
  const isAway = last !== undefined && last.toMs === undefined;
  if (is === 'lost') return isAway ? downtimes : [...downtimes, { fromMs: nowMs }].slice(-maxDowntimes);
  return isAway ? [...downtimes.slice(0, -1), { ...last, toMs: nowMs }] : downtimes;
}

/** True if a container ended in a way in which engines end containers. */
export function mayBeEndedByEngine({ state, exitCode, oomKilled, startError }: ContainerStatus): boolean {
  return (
    state === 'exited' && engineExitCodes.includes(exitCode) && oomKilled !== true && startError === undefined
  );
}

/** True if the container ran when the engine went away, and ended with it or before its return. */
export function endedDuringDowntime(
  { startedAtMs = 0, finishedAtMs = 0 }: ContainerStatus,
  downtimes: readonly Downtime[],
): boolean {
  return downtimes.some(
    ({ fromMs, toMs = Number.POSITIVE_INFINITY }) =>
      startedAtMs < fromMs && finishedAtMs >= fromMs - shutdownMs && finishedAtMs <= toMs + returnMs,
  );
}
