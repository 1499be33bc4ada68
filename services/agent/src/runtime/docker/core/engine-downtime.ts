import type { ContainerStatus } from '../../../core/container.js';

/** A time without the engine. It has no end while the engine is away. */
export interface Downtime {
  readonly fromMs: number;
  readonly toMs?: number;
}

/** Older ones are dropped. The containers that ended in them were inspected long ago. */
const maxDowntimes = 20;
/**
 * An engine that shuts down first ends its containers, usually for at most this time. Then it goes away. A
 * longer grace of a container makes it wait longer, but it has refused new connections since then.
 */
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

/** The facts about an engine and its host that decide if it has ended a container. */
export interface EngineTimes {
  /** The present start of the engine. Undefined if nothing tells it. */
  readonly engineStartMs: number | undefined;
  readonly hostStartMs: number | undefined;
  /** True if containers go on while the engine is away. */
  readonly outlivesEngine: boolean;
}

/**
 * True if an engine may have ended the container. Its exit code does not matter: a program may handle
 * SIGTERM.
 */
export function mayBeEndedByEngine({ state, oomKilled, startError }: ContainerStatus): boolean {
  return state === 'exited' && oomKilled !== true && startError === undefined;
}

/** True if the exit code is one of those that engines give: a signal of theirs, or no code at all. */
export function hasEngineExitCode({ exitCode }: ContainerStatus): boolean {
  return engineExitCodes.includes(exitCode);
}

/**
 * True if the container ran when the engine or its host went away, and ended with it or before its return.
 * An agent that has not seen the engine go compares the end with the engine's start.
 */
export function endedWithEngine(
  status: ContainerStatus,
  downtimes: readonly Downtime[],
  { engineStartMs, hostStartMs, outlivesEngine }: EngineTimes,
): boolean {
  const { startedAtMs = 0, finishedAtMs = 0 } = status;
  if (hostStartMs !== undefined && startedAtMs < hostStartMs && finishedAtMs <= hostStartMs + bootMs)
    return true;
  if (outlivesEngine) return false;
  // A lost connection looks like a downtime. So an ordinary exit code counts only if the engine has
  // started anew.
  if (engineStartMs === undefined) return hasEngineExitCode(status) && endedDuringDowntime(status, downtimes);
  if (startedAtMs >= engineStartMs || finishedAtMs > engineStartMs + returnMs)
    return hasEngineExitCode(status) && endedDuringDowntime(status, downtimes);
  const seen = downtimes.filter((downtime) => isWithin(engineStartMs, downtime));
  return seen.length === 0 || endedDuringDowntime(status, seen);
}

/** A host needs at most this long from its start until its engine has looked at all containers. */
const bootMs = 120_000;

function isWithin(atMs: number, { fromMs, toMs = Number.POSITIVE_INFINITY }: Downtime): boolean {
  return atMs >= fromMs - returnMs && atMs <= toMs + returnMs;
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

/** Returns the host's start from the kernel's `/proc/stat`. */
export function hostStartIn(stat: string): number | undefined {
  const seconds = /^btime (\d+)$/m.exec(stat)?.[1];
  return seconds === undefined ? undefined : Number(seconds) * 1000;
}
