import { imageDigestKey, unpinnedName } from '@berth/shared/model/submission/image-pins';
import { isFinishedCode } from '@berth/shared/model/task/failure';
import { State } from '@berth/shared/model/task/task-state';
import type { ContainerStatus, RuntimeFailure } from './container.js';
import { memoryLimitOf, type Outcome, outcomeOfContainer, outcomeOfFailure } from './outcome.js';
import { maxRemovalRetryMs, maxRetryMs } from './reduce-task.js';
import type { Observation, RuntimeCall, TaskView } from './task-view.js';

/** The next step of an agent for one task. Each step has at most one side effect. */
export type TaskStep =
  | { readonly do: RuntimeCall }
  | { readonly do: 'report'; readonly observation: Observation }
  /** Nothing until that time, unless an event comes. */
  | { readonly do: 'wait'; readonly untilMs: number }
  /** Nothing until an event comes. */
  | { readonly do: 'none' }
  /** The agent has nothing left of the task. */
  | { readonly do: 'forget' };

/** The time between SIGTERM and SIGKILL for a container without an assignment. */
export const unassignedGraceMs = 10_000;
/** A SIGKILL without effect is repeated after this time. */
export const killAgainMs = 5_000;

/** A shell's and Docker's exit code of a program that a signal ended. */
const signalBase = 128;
const sigKill = 9;
const sigTerm = 15;

const none: TaskStep = { do: 'none' };

/** Decides the next step of a task towards its assignment. Returns `none` if nothing is to be done. */
export function nextStep(view: TaskView, nowMs: number): TaskStep {
  const { assignment, container, progress } = view;
  if (progress.end !== undefined && progress.mustRepeatEnd)
    return { do: 'report', observation: progress.end };
  if (!hasGivenUp(view)) {
    const waitMs = (progress.retryAtMs ?? nowMs) - nowMs;
    // No wait is that long. So the clock was put back, and the task must not stand still until the old time
    // returns.
    const mustWait = waitMs > 0 && waitMs <= (progress.removeFailures > 0 ? maxRemovalRetryMs : maxRetryMs);
    // A task that certainly has no running container can be cancelled at once, even during a wait.
    if (mustWait && (progress.mustInspect || !isCancelled(view)))
      return { do: 'wait', untilMs: progress.retryAtMs ?? nowMs };
    if (progress.mustInspect) return { do: 'inspect' };
  }
  if (assignment === undefined) return cleanUp(container, view, nowMs);
  if (progress.end !== undefined) return keepEnded(view, nowMs);
  if (progress.failure !== undefined) return giveUp(view, progress.failure, nowMs);
  switch (container?.state) {
    case undefined:
      return launch(view, nowMs);
    case 'created':
      return startCreated(view, container, nowMs);
    case 'running':
      return keepRunning(view, container, nowMs);
    case 'exited':
      return conclude(view, container, nowMs);
  }
}

/**
 * A launch that was given up because the engine is away is reported at once. To inspect would mean to wait
 * for that engine.
 */
function hasGivenUp({ assignment, progress }: TaskView): boolean {
  return assignment !== undefined && progress.failure !== undefined && progress.end === undefined;
}

function isCancelled({ assignment, container }: TaskView): boolean {
  return assignment?.stop !== undefined && container?.state !== 'running';
}

function giveUp(view: TaskView, failure: RuntimeFailure, nowMs: number): TaskStep {
  return isCancelled(view) ? reportCancelled(nowMs) : reportEnd(view, outcomeOfFailure(failure), nowMs);
}

function launch(view: TaskView, nowMs: number): TaskStep {
  const { assignment, progress } = view;
  if (progress.hasRun || progress.ranBefore) {
    return reportEnd(
      view,
      { code: 'systemError', text: 'somebody other than the agent removed its container', fault: 'host' },
      nowMs,
    );
  }
  if (assignment?.stop !== undefined) return reportCancelled(nowMs);
  if (progress.refusal !== undefined)
    return reportEnd(view, { code: 'refused', text: progress.refusal, fault: 'cell' }, nowMs);
  if (waitsForVictims(view)) return none;
  if (progress.reported === undefined) return report(State.STARTING, nowMs);
  if (progress.image === 'pulling') return none;
  // A tag may have moved since the engine last pulled it.
  const isOld = progress.image === 'assumed' && isTag(view);
  return { do: progress.image === 'missing' || isOld ? 'pull' : 'create' };
}

function startCreated(view: TaskView, container: ContainerStatus, nowMs: number): TaskStep {
  // The engine has tried to start it before. Another attempt would fail, too.
  if (container.startError !== undefined) return reportEnd(view, outcomeOfContainer(container), nowMs);
  if (view.assignment?.stop !== undefined) return reportCancelled(nowMs);
  if (waitsForVictims(view)) return none;
  if (view.progress.reported === undefined) return report(State.STARTING, nowMs);
  // Its creator may have ended before it made the file for results. Another create call makes the file.
  if (view.assignment?.collectsResults && view.progress.isPrepared !== true) return { do: 'create' };
  return { do: 'start' };
}

function keepRunning(view: TaskView, container: ContainerStatus, nowMs: number): TaskStep {
  const { assignment, progress } = view;
  if (!isRunningReported(view)) return reportRunning(view, container, nowMs);
  if (assignment?.stop === undefined) return none;
  return stopping(progress, assignment.killGraceMs, nowMs);
}

function conclude(view: TaskView, container: ContainerStatus, nowMs: number): TaskStep {
  // The container did run. Observers see that, even if it was short.
  const ran = container.startedAtMs !== undefined && container.startError === undefined;
  if (ran && !isRunningReported(view)) return reportRunning(view, container, container.startedAtMs ?? nowMs);
  if (ran && view.assignment?.collectsResults && view.progress.results === undefined)
    return { do: 'collect' };
  const outcome = outcomeOfContainer(container, memoryLimitOf(view.assignment));
  return reportEnd(view, outcome, container.finishedAtMs ?? nowMs);
}

/**
 * The exited container stays for its logs until the assignment is gone. A running one that appears late is
 * stopped.
 */
function keepEnded({ container, progress, assignment }: TaskView, nowMs: number): TaskStep {
  return container?.state === 'running' ? stopping(progress, assignment?.killGraceMs ?? 0, nowMs) : none;
}

function cleanUp(container: ContainerStatus | undefined, { progress }: TaskView, nowMs: number): TaskStep {
  if (container === undefined) return { do: 'forget' };
  return container.state === 'running'
    ? stopping(progress, progress.graceMs ?? unassignedGraceMs, nowMs)
    : { do: 'remove' };
}

function stopping(
  { stopSentAtMs, killSentAtMs }: TaskView['progress'],
  graceMs: number,
  nowMs: number,
): TaskStep {
  // A time in the future means that the clock was put back. So the age of the signal is unknown.
  if (stopSentAtMs === undefined || stopSentAtMs > nowMs) return { do: graceMs > 0 ? 'stop' : 'kill' };
  const killAtMs = killSentAtMs === undefined ? stopSentAtMs + graceMs : killSentAtMs + killAgainMs;
  return nowMs >= killAtMs ? { do: 'kill' } : { do: 'wait', untilMs: killAtMs };
}

function isRunningReported({ progress }: TaskView): boolean {
  return progress.reported !== undefined && progress.reported >= State.RUNNING;
}

/** True if the job's image is a tag of a registry that no digest pins. */
function isTag({ assignment }: TaskView): boolean {
  return unpinnedName(assignment?.container?.image) !== undefined;
}

function reportRunning(view: TaskView, container: ContainerStatus, atMs: number): TaskStep {
  const { ip, hostPorts, imageDigest } = container;
  return report(State.RUNNING, atMs, {
    ...(imageDigest === undefined || !isTag(view) ? {} : { [imageDigestKey]: imageDigest }),
    ...(ip === undefined ? {} : { 'task.containerIp': ip }),
    ...(hostPorts === undefined ? {} : { 'task.hostPorts': hostPorts }),
  });
}

function report(state: State, atMs: number, context: Observation['context'] = {}): TaskStep {
  return { do: 'report', observation: { state, code: '', text: '', stopped: false, atMs, context } };
}

function reportEnd(view: TaskView, outcome: Outcome, atMs: number): TaskStep {
  const stopped = wasStopped(view, atMs);
  const { code, text, exitCode, fault } = outcome;
  const state = isFinishedCode(code) ? State.FINISHED : State.FAILED;
  const { results } = view.progress;
  const observation = { state, code, text, exitCode, stopped, atMs, fault, context: {} };
  if (outcome.code === 'refused') return { do: 'report', observation: { ...observation, refused: true } };
  return { do: 'report', observation: results === undefined ? observation : { ...observation, results } };
}

function reportCancelled(atMs: number): TaskStep {
  const text = 'stopped before it ran';
  const code = 'normal';
  return {
    do: 'report',
    observation: { state: State.FINISHED, code, text, stopped: true, atMs, context: {} },
  };
}

/**
 * True if the end followed from the agent's signal. A container that ended before the signal keeps its own
 * end, also if the engine took the signal. An agent that was restarted has no record of its signal. But it
 * sees if the order came before the end.
 */
function wasStopped({ assignment, container, progress }: TaskView, endedAtMs: number): boolean {
  const { signalledAtMs } = progress;
  if (signalledAtMs !== undefined)
    return endedAtMs >= signalledAtMs || (container !== undefined && endedBySignal(container, progress));
  const stop = assignment?.stop;
  return stop !== undefined && !progress.hasRun && endedAtMs >= stop.atMs;
}

/**
 * The clock of an engine on another machine may be behind. The signal of the agent shows in the exit code.
 */
function endedBySignal({ exitCode, oomKilled }: ContainerStatus, progress: TaskView['progress']): boolean {
  if (oomKilled === true) return false;
  return (
    exitCode === signalBase + sigTerm ||
    (exitCode === signalBase + sigKill && progress.killSentAtMs !== undefined)
  );
}

/** True if the task waits for victims that may still run. */
export function waitsForVictims({ assignment, container, progress }: TaskView): boolean {
  const hasBegun = progress.hasRun || progress.ranBefore || container?.state === 'exited';
  const isPreemptor = assignment !== undefined && assignment.awaitedTaskIds.length > 0;
  return isPreemptor && !hasBegun && progress.victimsGone !== true;
}

/**
 * True if the task certainly has no running container, and will have none. Ask only while no call is under
 * way.
 */
export function isGone({ assignment, container, progress }: TaskView): boolean {
  const isOver = assignment === undefined || progress.end !== undefined;
  return isOver && !progress.mustInspect && container?.state !== 'running';
}

/** True if the agent has done nothing for the task. So it may still refuse the task. */
export function isFresh({ assignment, container, progress }: TaskView): boolean {
  return (
    assignment !== undefined &&
    assignment.stop === undefined &&
    container === undefined &&
    !progress.hasRun &&
    !progress.ranBefore &&
    progress.reported === undefined &&
    progress.refusal === undefined &&
    progress.end === undefined
  );
}

/** True if a pull for the task is of use. */
export function wantsImage({ assignment, progress }: TaskView): boolean {
  return assignment !== undefined && assignment.stop === undefined && progress.end === undefined;
}

/** True if the task holds its resources: from the agent's first step for it until its end. */
export function holdsCapacity(view: TaskView): boolean {
  const { assignment, progress } = view;
  return (
    assignment !== undefined && progress.end === undefined && progress.refusal === undefined && !isFresh(view)
  );
}
