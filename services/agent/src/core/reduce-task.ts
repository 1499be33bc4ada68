import type { Assignment } from '@berth/shared/gen/berth/v1/store';
import { isTerminal } from '@berth/shared/model/task/task-state';
import type { ContainerStatus, RuntimeFailure } from './container.js';
import type { Observation, RuntimeCall, TaskMemory, TaskView } from './task-view.js';

/** What can happen to a task, as its agent sees it. */
export type TaskEvent =
  | { readonly is: 'assigned'; readonly assignment: Assignment | undefined }
  /** The agent does not take the task, for it lacks what the task needs. */
  | { readonly is: 'refused'; readonly text: string }
  /** The tasks whose room it was to get are gone. */
  | { readonly is: 'roomIsFree' }
  /** Something has happened to the container. */
  | { readonly is: 'disturbed' }
  /** A list showed it: that tells whether it runs, but not how it ended. */
  | { readonly is: 'found'; readonly container: ContainerStatus }
  /** All there is to know of the container; undefined: there is none. */
  | { readonly is: 'seen'; readonly container: ContainerStatus | undefined }
  | { readonly is: 'pulling' }
  | { readonly is: 'pulled'; readonly reference: string }
  /** `adopted`: a container of that name was there already, in whatever state. */
  | { readonly is: 'created'; readonly adopted: boolean }
  /** `hasAddress`: the engine has given it an address or ports that must be asked for. */
  | { readonly is: 'started'; readonly hasAddress: boolean }
  | { readonly is: 'stopSent' }
  | { readonly is: 'killSent' }
  | { readonly is: 'collected'; readonly results: readonly string[] }
  | { readonly is: 'removed' }
  | { readonly is: 'reported'; readonly observation: Observation }
  /** What was reported may be lost: the end, or (where Redis itself lost data) everything. */
  | { readonly is: 'reportsDoubted'; readonly all: boolean }
  | { readonly is: 'failed'; readonly during: RuntimeCall; readonly failure: RuntimeFailure };

/** A launch is given up when the engine has been out of reach for this long. */
export const unreachableLimitMs = 30_000;
/** A launch is given up after so many failures of the engine's own. */
export const maxLaunchFailures = 3;
const minRetryMs = 200;
/** The longest wait before something that failed is tried again. */
export const maxRetryMs = 10_000;

/** The view after the event. */
export function remember(view: TaskView, event: TaskEvent, nowMs: number): TaskView {
  const { memory } = view;
  const recall = (changes: Partial<TaskMemory>): TaskView => ({ ...view, memory: { ...memory, ...changes } });
  switch (event.is) {
    case 'assigned':
      return { ...view, assignment: newerOf(view.assignment, event.assignment) };
    case 'refused':
      return recall({ refusal: event.text });
    case 'roomIsFree':
      return recall({ hasRoom: true });
    case 'disturbed':
      return recall({ mustLook: true });
    case 'found':
      return found(view, event.container);
    case 'seen':
      return seen(view, event.container);
    case 'pulling':
      return recall({ image: 'pulling' });
    case 'pulled':
      return recall({ image: 'pulled', imageReference: event.reference, unreachable: undefined });
    case 'created':
      return {
        ...recall({ isPrepared: true, mustLook: event.adopted, unreachable: undefined }),
        container: created(view),
      };
    case 'started':
      return started(view, event.hasAddress, nowMs);
    case 'stopSent':
      return recall({ stopSentAtMs: nowMs, killSentAtMs: undefined });
    case 'killSent':
      return recall({ stopSentAtMs: Math.min(memory.stopSentAtMs ?? nowMs, nowMs), killSentAtMs: nowMs });
    case 'collected':
      return recall({ results: event.results, unreachable: undefined });
    case 'removed':
      return { ...recall({ mustLook: false }), container: undefined };
    case 'reported':
      return recall(reported(event.observation, nowMs));
    case 'reportsDoubted':
      return recall({
        mustRepeatEnd: memory.end !== undefined,
        ...(event.all ? { reported: undefined } : {}),
      });
    case 'failed':
      return failed(view, event, nowMs);
  }
}

/** An order to stop is never taken back, so a copy of the assignment without it is the older one. */
function newerOf(held: Assignment | undefined, given: Assignment | undefined): Assignment | undefined {
  return held?.stop !== undefined && given !== undefined && given.stop === undefined ? held : given;
}

function found(view: TaskView, container: ContainerStatus): TaskView {
  // What is known of a container that has ended is final, and otherwise the list may tell nothing new.
  const known = view.container?.state;
  if (known === 'exited' || known === container.state) return view;
  const isRunning = container.state === 'running';
  const memory = { ...view.memory, mustLook: view.memory.mustLook || !isRunning };
  return { ...view, container, memory: { ...memory, hasRun: memory.hasRun || isRunning } };
}

function seen(view: TaskView, container: ContainerStatus | undefined): TaskView {
  // What had ended and is gone must not run a second time.
  const hasVanished = container === undefined && view.container?.state === 'exited';
  const hasRun = view.memory.hasRun || container?.state === 'running' || hasVanished;
  return { ...view, container, memory: { ...view.memory, mustLook: false, hasRun, unreachable: undefined } };
}

function created({ taskId }: TaskView): ContainerStatus {
  return { taskId, state: 'created' };
}

/** Word of the container's end can come before the answer to the call that started it: then there is a need to look. */
function started(view: TaskView, hasAddress: boolean, nowMs: number): TaskView {
  const { memory, taskId } = view;
  return {
    ...view,
    container: { taskId, state: 'running', startedAtMs: nowMs },
    memory: { ...memory, hasRun: true, mustLook: memory.mustLook || hasAddress, unreachable: undefined },
  };
}

function reported(observation: Observation, nowMs: number): Partial<TaskMemory> {
  if (!isTerminal(observation.state)) return { reported: observation.state };
  return { reported: observation.state, end: observation, endReportedAtMs: nowMs, mustRepeatEnd: false };
}

function failed(view: TaskView, event: TaskEvent & { is: 'failed' }, nowMs: number): TaskView {
  const { failure, during } = event;
  // What cannot be read is no reason for a task to fail; an engine that is out of reach is asked again.
  if (during === 'collect' && failure.kind !== 'unavailable')
    return { ...view, memory: { ...view.memory, results: [] } };
  const isPrepared = view.memory.isPrepared === true && during !== 'create';
  const after = { ...view, memory: { ...afterFailure(view, event, nowMs), isPrepared } };
  const isGone = failure.kind === 'notFound' && during !== 'create' && during !== 'pull';
  return isGone ? { ...after, container: undefined } : after;
}

function afterFailure(view: TaskView, event: TaskEvent & { is: 'failed' }, nowMs: number): TaskMemory {
  const { memory } = view;
  const { during, failure } = event;
  const isLaunch = during === 'pull' || during === 'create' || during === 'start';
  switch (failure.kind) {
    case 'notFound':
      if (during === 'pull') return { ...memory, failure };
      if (during !== 'create') return memory;
      return memory.image === 'pulled' ? launchFailed(memory, event, nowMs) : { ...memory, image: 'missing' };
    case 'invalid':
      // An image can name a stop signal that its engine does not know: then only SIGKILL, after the grace, is left.
      if (during === 'stop') return { ...memory, stopSentAtMs: nowMs };
      return isLaunch ? { ...memory, failure } : retryLater(memory, nowMs, 1);
    case 'conflict':
      if (during === 'create') return { ...memory, failure };
      return isLaunch ? launchFailed(memory, event, nowMs) : retryLater(memory, nowMs, 0);
    case 'unavailable':
      return outOfReach(view, event, nowMs);
    case 'failed':
      return isLaunch ? launchFailed(memory, event, nowMs) : retryLater(memory, nowMs, 1);
  }
}

function launchFailed(
  memory: TaskMemory,
  { during, failure }: TaskEvent & { is: 'failed' },
  nowMs: number,
): TaskMemory {
  const failures = memory.failures + 1;
  if (failures >= maxLaunchFailures) return { ...memory, failures, failure, mustLook: during !== 'pull' };
  // What was pulled and is gone, as after a clean-up of the host's, has to be pulled again.
  const image = during === 'pull' || failure.kind === 'notFound' ? 'missing' : memory.image;
  return { ...retryLater(memory, nowMs, failures), failures, image };
}

function outOfReach(
  view: TaskView,
  { during, failure }: TaskEvent & { is: 'failed' },
  nowMs: number,
): TaskMemory {
  const { memory, container } = view;
  const { sinceMs, attempts } = memory.unreachable ?? { sinceMs: nowMs, attempts: 0 };
  const unreachable = { sinceMs, attempts: attempts + 1 };
  const image = during === 'pull' ? 'missing' : memory.image;
  // A container that runs outlives its engine's silence; a launch does not.
  const isLaunching = !memory.hasRun && container?.state !== 'exited' && memory.failure === undefined;
  const isOver = isLaunching && nowMs - sinceMs >= unreachableLimitMs;
  const after = { ...retryLater(memory, nowMs, attempts), unreachable, image };
  return isOver ? { ...after, failure } : after;
}

function retryLater(memory: TaskMemory, nowMs: number, attempts: number): TaskMemory {
  const delayMs = Math.min(maxRetryMs, minRetryMs * 2 ** Math.min(attempts, 16));
  return { ...memory, mustLook: true, retryAtMs: nowMs + delayMs };
}
