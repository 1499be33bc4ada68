import { isFinishedCode } from '@berth/shared/model/task/reason';
import { State } from '@berth/shared/model/task/task-state';
import type { ContainerStatus, RuntimeFailure } from './container.js';
import { memoryLimitOf, type Outcome, outcomeOfContainer, outcomeOfFailure } from './outcome.js';
import { maxRetryMs } from './reduce-task.js';
import type { Observation, RuntimeCall, TaskView } from './task-view.js';

/** What an agent does next for one task. Each step is at most one side effect. */
export type Step =
  | { readonly do: RuntimeCall }
  | { readonly do: 'report'; readonly observation: Observation }
  /** Nothing until that time, unless something happens. */
  | { readonly do: 'wait'; readonly untilMs: number }
  /** Nothing until something happens. */
  | { readonly do: 'none' }
  /** Nothing is left of the task here. */
  | { readonly do: 'forget' };

/** How long an unassigned container has between SIGTERM and SIGKILL. */
export const unassignedGraceMs = 10_000;
/** A SIGKILL that had no effect is repeated after this time. */
export const killAgainMs = 5_000;

const none: Step = { do: 'none' };

/** Decides what to do next for a task: a step towards what its assignment asks, or none where all is as it should be. */
export function nextStep(view: TaskView, nowMs: number): Step {
  const { assignment, container, memory } = view;
  if (memory.end !== undefined && memory.mustRepeatEnd) return { do: 'report', observation: memory.end };
  if (!hasGivenUp(view)) {
    const waitMs = (memory.retryAtMs ?? nowMs) - nowMs;
    // Longer than any wait: the clock was put back, and nothing must stand still until it is as late as before.
    const mustWait = waitMs > 0 && waitMs <= maxRetryMs;
    // A task that certainly has no running container can be called off at once, whatever else there is to wait for.
    if (mustWait && (memory.mustLook || !isCalledOff(view)))
      return { do: 'wait', untilMs: memory.retryAtMs ?? nowMs };
    if (memory.mustLook) return { do: 'inspect' };
  }
  if (assignment === undefined) return clearAway(container, view, nowMs);
  if (memory.end !== undefined) return holdEnded(view, nowMs);
  if (memory.failure !== undefined) return giveUp(view, memory.failure, nowMs);
  switch (container?.state) {
    case undefined:
      return launch(view, nowMs);
    case 'created':
      return begin(view, container, nowMs);
    case 'running':
      return keepRunning(view, container, nowMs);
    case 'exited':
      return conclude(view, container, nowMs);
  }
}

/** A launch given up for want of an engine is told at once: looking would mean to wait for that engine. */
function hasGivenUp({ assignment, memory }: TaskView): boolean {
  return assignment !== undefined && memory.failure !== undefined && memory.end === undefined;
}

function isCalledOff({ assignment, container }: TaskView): boolean {
  return assignment?.stop !== undefined && container?.state !== 'running';
}

function giveUp(view: TaskView, failure: RuntimeFailure, nowMs: number): Step {
  return isCalledOff(view) ? callOff(nowMs) : reportEnd(view, outcomeOfFailure(failure), nowMs);
}

function launch(view: TaskView, nowMs: number): Step {
  const { assignment, memory } = view;
  if (memory.hasRun) {
    return reportEnd(
      view,
      { code: 'systemError', text: 'its container was removed behind the agent’s back' },
      nowMs,
    );
  }
  if (assignment?.stop !== undefined) return callOff(nowMs);
  if (memory.refusal !== undefined) return reportEnd(view, { code: 'refused', text: memory.refusal }, nowMs);
  if (awaitsRoom(view)) return none;
  if (memory.reported === undefined) return report(State.STARTING, nowMs);
  if (memory.image === 'pulling') return none;
  return { do: memory.image === 'missing' ? 'pull' : 'create' };
}

function begin(view: TaskView, container: ContainerStatus, nowMs: number): Step {
  // The engine has tried to start it before: trying again would only fail again.
  if (container.startError !== undefined) return reportEnd(view, outcomeOfContainer(container), nowMs);
  if (view.assignment?.stop !== undefined) return callOff(nowMs);
  if (awaitsRoom(view)) return none;
  if (view.memory.reported === undefined) return report(State.STARTING, nowMs);
  // Whoever created it may not have come to make the file for its results: to create it again does that.
  if (view.assignment?.collectsResults && view.memory.isPrepared !== true) return { do: 'create' };
  return { do: 'start' };
}

function keepRunning(view: TaskView, container: ContainerStatus, nowMs: number): Step {
  const { assignment, memory } = view;
  if (!isRunningReported(view)) return reportRunning(container, nowMs);
  if (assignment?.stop === undefined) return none;
  return stopping(memory, assignment.killGraceMs, nowMs);
}

function conclude(view: TaskView, container: ContainerStatus, nowMs: number): Step {
  // It did run: whoever watches is told so, however short that was.
  const ran = container.startedAtMs !== undefined && container.startError === undefined;
  if (ran && !isRunningReported(view)) return reportRunning(container, container.startedAtMs ?? nowMs);
  if (ran && view.assignment?.collectsResults && view.memory.results === undefined) return { do: 'collect' };
  const outcome = outcomeOfContainer(container, memoryLimitOf(view.assignment));
  return reportEnd(view, outcome, container.finishedAtMs ?? nowMs);
}

/** The exited container stays for its logs until the assignment is gone; one that turns up late has to go. */
function holdEnded({ container, memory, assignment }: TaskView, nowMs: number): Step {
  return container?.state === 'running' ? stopping(memory, assignment?.killGraceMs ?? 0, nowMs) : none;
}

function clearAway(container: ContainerStatus | undefined, { memory }: TaskView, nowMs: number): Step {
  if (container === undefined) return { do: 'forget' };
  return container.state === 'running' ? stopping(memory, unassignedGraceMs, nowMs) : { do: 'remove' };
}

function stopping({ stopSentAtMs, killSentAtMs }: TaskView['memory'], graceMs: number, nowMs: number): Step {
  // Sent in the future: the clock was put back, and nobody knows how long ago that was.
  if (stopSentAtMs === undefined || stopSentAtMs > nowMs) return { do: graceMs > 0 ? 'stop' : 'kill' };
  const killAtMs = killSentAtMs === undefined ? stopSentAtMs + graceMs : killSentAtMs + killAgainMs;
  return nowMs >= killAtMs ? { do: 'kill' } : { do: 'wait', untilMs: killAtMs };
}

function isRunningReported({ memory }: TaskView): boolean {
  return memory.reported !== undefined && memory.reported >= State.RUNNING;
}

function reportRunning({ ip, hostPorts }: ContainerStatus, atMs: number): Step {
  return report(State.RUNNING, atMs, {
    ...(ip === undefined ? {} : { 'task.containerIp': ip }),
    ...(hostPorts === undefined ? {} : { 'task.hostPorts': hostPorts }),
  });
}

function report(state: State, atMs: number, context: Observation['context'] = {}): Step {
  return { do: 'report', observation: { state, code: '', text: '', stopped: false, atMs, context } };
}

function reportEnd(view: TaskView, outcome: Outcome, atMs: number): Step {
  const stopped = endedOnOrder(view, atMs);
  const { code, text, exitCode } = outcome;
  const state = isFinishedCode(code) ? State.FINISHED : State.FAILED;
  const { results } = view.memory;
  const observation = { state, code, text, exitCode, stopped, atMs, context: {} };
  if (outcome.code === 'refused') return { do: 'report', observation: { ...observation, refused: true } };
  return { do: 'report', observation: results === undefined ? observation : { ...observation, results } };
}

function callOff(atMs: number): Step {
  const text = 'stopped before it ran';
  const code = 'normal';
  return {
    do: 'report',
    observation: { state: State.FINISHED, code, text, stopped: true, atMs, context: {} },
  };
}

/** An agent that was restarted does not remember what it sent, but sees which came first: the order or the end. */
function endedOnOrder({ assignment, memory }: TaskView, endedAtMs: number): boolean {
  if (memory.stopSentAtMs !== undefined) return true;
  const stop = assignment?.stop;
  return stop !== undefined && !memory.hasRun && endedAtMs >= stop.atMs;
}

/** Whether the task is to get the room of others, of which not all are known to be gone. */
export function awaitsRoom({ assignment, container, memory }: TaskView): boolean {
  const hasBegun = memory.hasRun || container?.state === 'exited';
  const isHeir = assignment !== undefined && assignment.awaitedTaskIds.length > 0;
  return isHeir && !hasBegun && memory.hasRoom !== true;
}

/** Whether the task certainly has no container that runs, and will have none; to be asked while no call is under way. */
export function isGone({ assignment, container, memory }: TaskView): boolean {
  const isOver = assignment === undefined || memory.end !== undefined;
  return isOver && !memory.mustLook && container?.state !== 'running';
}

/** Whether nothing has been done for the task yet, so that the agent may still refuse it. */
export function isFresh({ assignment, container, memory }: TaskView): boolean {
  return (
    assignment !== undefined &&
    assignment.stop === undefined &&
    container === undefined &&
    !memory.hasRun &&
    memory.reported === undefined &&
    memory.refusal === undefined &&
    memory.end === undefined
  );
}

/** Whether the task holds what it was given: from when the agent begins with it to its end. */
export function holdsRoom(view: TaskView): boolean {
  const { assignment, memory } = view;
  return (
    assignment !== undefined && memory.end === undefined && memory.refusal === undefined && !isFresh(view)
  );
}
