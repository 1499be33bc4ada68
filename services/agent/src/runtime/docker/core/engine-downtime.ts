import type { ContainerStatus } from '../../../core/container.js';

/** A time in which an engine was away; without an end, it still is. */
export interface Downtime {
  readonly fromMs: number;
  readonly toMs?: number;
}

/** Older ones are forgotten: what ended in them has been looked at long since. */
const maxDowntimes = 20;
/** An engine that shuts down ends its containers first, for which it takes this long at most; then it goes away. */
const shutdownMs = 20_000;
/** How far the engine's time of an end may lie behind its return. */
const returnMs = 5_000;

/** 128 + SIGKILL and SIGTERM, with which engines end containers, and what they say where they do not know an exit code. */
const engineExitCodes: readonly (number | undefined)[] = [137, 143, 255];

/** The absences after the engine was lost, or has come back. */
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

/** Whether a container has ended in a way in which engines end containers. */
export function mayBeEndedByEngine({ state, exitCode, oomKilled, startError }: ContainerStatus): boolean {
  return (
    state === 'exited' && engineExitCodes.includes(exitCode) && oomKilled !== true && startError === undefined
  );
}

/** Whether the container ran when the engine went away, and ended with it or before it was back. */
export function endedDuringDowntime(
  { startedAtMs = 0, finishedAtMs = 0 }: ContainerStatus,
  downtimes: readonly Downtime[],
): boolean {
  return downtimes.some(
    ({ fromMs, toMs = Number.POSITIVE_INFINITY }) =>
      startedAtMs < fromMs && finishedAtMs >= fromMs - shutdownMs && finishedAtMs <= toMs + returnMs,
  );
}
