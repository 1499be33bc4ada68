import type { Assignment } from '@berth/shared/gen/berth/v1/store';
import { exponentialDelayMs } from '@berth/shared/model/task/back-off';
import { isTerminal } from '@berth/shared/model/task/task-state';
import type { ContainerStatus, RuntimeFailure } from './container.js';
import type { Observation, RuntimeCall, TaskProgress, TaskView } from './task-view.js';

/** An event of a task on its agent. */
export type TaskEvent =
  | { readonly is: 'assigned'; readonly assignment: Assignment | undefined }
  /** The agent does not take the task because it has too little capacity. */
  | { readonly is: 'refused'; readonly text: string }
  /** The store says that the task ran before this process began. */
  | { readonly is: 'ranBefore' }
  /** No victim of the task runs any more. */
  | { readonly is: 'victimsGone' }
  /** The container may have changed. */
  | { readonly is: 'containerChanged' }
  /** A list showed the container. A list says if it runs, but not how it ended. */
  | { readonly is: 'listed'; readonly container: ContainerStatus }
  /** The container's full state. Undefined: there is none. */
  | { readonly is: 'inspected'; readonly container: ContainerStatus | undefined }
  | { readonly is: 'pulling' }
  /** The agent has given its share in the pull up. */
  | { readonly is: 'pullLeft' }
  | { readonly is: 'pulled'; readonly reference: string }
  /** `adopted`: a container of that name existed already, in some state. */
  | { readonly is: 'created'; readonly adopted: boolean }
  /** `hasAddress`: the engine gave the container an address or ports that the agent must ask for. */
  | { readonly is: 'started'; readonly hasAddress: boolean }
  /** A call that sends a signal begins. */
  | { readonly is: 'signalling' }
  | { readonly is: 'stopSent' }
  | { readonly is: 'killSent' }
  | { readonly is: 'collected'; readonly results: readonly string[] }
  | { readonly is: 'removed' }
  | { readonly is: 'reported'; readonly observation: Observation }
  /** Reports may be lost: the end, or everything if the store itself lost data. */
  | { readonly is: 'reportsMayBeLost'; readonly all: boolean }
  | { readonly is: 'failed'; readonly during: RuntimeCall; readonly failure: RuntimeFailure };

/** A launch is given up if the engine is out of reach for this long. */
export const unreachableLimitMs = 30_000;
/** A launch is given up after so many failures of the engine. */
export const maxLaunchFailures = 3;
const minRetryMs = 200;
/** The longest wait before another attempt. */
export const maxRetryMs = 10_000;
/** A container that cannot be removed is tried less and less often. */
const firstRemovalRetryMs = 500;
export const maxRemovalRetryMs = 5 * 60_000;
/** So many failed removals show that the container is stuck. */
export const stuckRemovals = 3;

/** Returns the view after the event. */
export function reduceTask(view: TaskView, event: TaskEvent, nowMs: number): TaskView {
  const { progress } = view;
  const withProgress = (changes: Partial<TaskProgress>): TaskView => ({
    ...view,
    progress: { ...progress, ...changes },
  });
  switch (event.is) {
    case 'assigned':
      return {
        ...withProgress(keptGrace(view, event.assignment)),
        assignment: newerOf(view.assignment, event.assignment),
      };
    case 'refused':
      return withProgress({ refusal: event.text });
    case 'ranBefore':
      // A container that is missing in a list may still exist.
      return withProgress({ ranBefore: true, mustInspect: true });
    case 'victimsGone':
      return withProgress({ victimsGone: true });
    case 'containerChanged':
      return withProgress({
        mustInspect: true,
        ...(progress.removeFailures > 0 ? { retryAtMs: undefined } : {}),
      });
    case 'listed':
      return listed(view, event.container);
    case 'inspected':
      return inspected(view, event.container);
    case 'pulling':
      return withProgress({ image: 'pulling' });
    case 'pullLeft':
      return withProgress({ image: 'missing' });
    case 'pulled':
      return withProgress({ image: 'pulled', imageReference: event.reference, unreachable: undefined });
    case 'created':
      return {
        ...withProgress({ isPrepared: true, mustInspect: event.adopted, unreachable: undefined }),
        container: created(view),
      };
    case 'started':
      return started(view, event.hasAddress, nowMs);
    case 'signalling':
      return withProgress({ signallingAtMs: nowMs });
    case 'stopSent':
      return withProgress({ ...signalled(progress, nowMs), stopSentAtMs: nowMs, killSentAtMs: undefined });
    case 'killSent':
      return withProgress({
        ...signalled(progress, nowMs),
        stopSentAtMs: Math.min(progress.stopSentAtMs ?? nowMs, nowMs),
        killSentAtMs: nowMs,
      });
    case 'collected':
      return withProgress({ results: event.results, unreachable: undefined });
    case 'removed':
      return { ...withProgress({ mustInspect: false, removeFailures: 0 }), container: undefined };
    case 'reported':
      return withProgress(reported(event.observation, nowMs));
    case 'reportsMayBeLost':
      return withProgress({
        mustRepeatEnd: progress.end !== undefined,
        ...(event.all ? { reported: undefined } : {}),
      });
    case 'failed':
      return failed(view, event, nowMs);
  }
}

/** Keeps the first signal. A clock that was put back makes the new one the first. */
function signalled({ signallingAtMs, signalledAtMs }: TaskProgress, nowMs: number): Partial<TaskProgress> {
  const atMs = signallingAtMs ?? nowMs;
  return { signallingAtMs: undefined, signalledAtMs: Math.min(signalledAtMs ?? atMs, atMs) };
}

/** A stop order is never withdrawn. So a copy of the assignment without it is older. */
function newerOf(held: Assignment | undefined, given: Assignment | undefined): Assignment | undefined {
  return held?.stop !== undefined && given !== undefined && given.stop === undefined ? held : given;
}

/** A container that is being stopped keeps its grace, also if the master no longer waits for its end. */
function keptGrace({ assignment, progress }: TaskView, given: Assignment | undefined): Partial<TaskProgress> {
  const isStopping = given === undefined && progress.stopSentAtMs !== undefined;
  return isStopping && assignment !== undefined ? { graceMs: assignment.killGraceMs } : {};
}

function listed(view: TaskView, container: ContainerStatus): TaskView {
  // The state of a container that has ended is final. A list with the same state adds nothing.
  const known = view.container?.state;
  if (known === 'exited' || known === container.state) return view;
  const isRunning = container.state === 'running';
  const progress = { ...view.progress, mustInspect: view.progress.mustInspect || !isRunning };
  return { ...view, container, progress: { ...progress, hasRun: progress.hasRun || isRunning } };
}

function inspected(view: TaskView, container: ContainerStatus | undefined): TaskView {
  // A container that had ended and is gone must not run a second time.
  const hasVanished = container === undefined && view.container?.state === 'exited';
  const hasRun = view.progress.hasRun || container?.state === 'running' || hasVanished;
  return {
    ...view,
    container,
    progress: { ...view.progress, mustInspect: false, hasRun, unreachable: undefined },
  };
}

function created({ taskId }: TaskView): ContainerStatus {
  return { taskId, state: 'created' };
}

/**
 * The event of the container's end can come before the answer to its start. Then the agent inspects the
 * container.
 */
function started(view: TaskView, hasAddress: boolean, nowMs: number): TaskView {
  const { progress, taskId } = view;
  return {
    ...view,
    container: { taskId, state: 'running', startedAtMs: nowMs },
    progress: {
      ...progress,
      hasRun: true,
      mustInspect: progress.mustInspect || hasAddress,
      unreachable: undefined,
    },
  };
}

function reported(observation: Observation, nowMs: number): Partial<TaskProgress> {
  if (!isTerminal(observation.state)) return { reported: observation.state };
  return { reported: observation.state, end: observation, endReportedAtMs: nowMs, mustRepeatEnd: false };
}

function failed(view: TaskView, event: TaskEvent & { is: 'failed' }, nowMs: number): TaskView {
  const { failure, during } = event;
  // A task does not fail because its results cannot be read. But an engine out of reach is asked again.
  if (during === 'collect' && failure.kind !== 'unavailable')
    return { ...view, progress: { ...view.progress, results: [] } };
  const isPrepared = view.progress.isPrepared === true && during !== 'create';
  const after = { ...view, progress: { ...afterFailure(view, event, nowMs), isPrepared } };
  const isGone = failure.kind === 'notFound' && during !== 'create' && during !== 'pull';
  return isGone ? { ...after, container: undefined } : after;
}

function afterFailure(view: TaskView, event: TaskEvent & { is: 'failed' }, nowMs: number): TaskProgress {
  const { during, failure } = event;
  const progress = afterSignal(view.progress, event, nowMs);
  // An engine may answer everything but the removal. Then the removal counts as failed, too.
  if (during === 'remove')
    return removalFailed(failure.kind === 'unavailable' ? outOfReach(view, event, nowMs) : progress, nowMs);
  const isLaunch = during === 'pull' || during === 'create' || during === 'start';
  switch (failure.kind) {
    case 'notFound':
      if (during === 'pull') return { ...progress, failure };
      if (during !== 'create') return progress;
      return progress.image === 'pulled'
        ? launchFailed(progress, event, nowMs)
        : { ...progress, image: 'missing' };
    case 'invalid':
      // An image can name a stop signal that its engine does not know. Then only SIGKILL after the grace is
      // left.
      if (during === 'stop') return { ...progress, stopSentAtMs: nowMs };
      return isLaunch ? { ...progress, failure } : retryLater(progress, nowMs, 1);
    case 'conflict':
      if (during === 'create') return { ...progress, failure };
      return isLaunch ? launchFailed(progress, event, nowMs) : retryLater(progress, nowMs, 0);
    case 'unavailable':
      return outOfReach({ ...view, progress }, event, nowMs);
    case 'failed':
      return isLaunch ? launchFailed(progress, event, nowMs) : retryLater(progress, nowMs, 1);
  }
}

/** A call without an answer may have sent its signal all the same. A refused call has sent none. */
function afterSignal(
  progress: TaskProgress,
  { during, failure }: TaskEvent & { is: 'failed' },
  nowMs: number,
): TaskProgress {
  if (during !== 'stop' && during !== 'kill') return progress;
  const mayBeSent = failure.kind === 'unavailable' || failure.kind === 'failed';
  return { ...progress, ...(mayBeSent ? signalled(progress, nowMs) : { signallingAtMs: undefined }) };
}

function removalFailed(progress: TaskProgress, nowMs: number): TaskProgress {
  const attempt = progress.removeFailures;
  const delayMs = exponentialDelayMs({ firstMs: firstRemovalRetryMs, maxMs: maxRemovalRetryMs, attempt });
  return { ...progress, removeFailures: attempt + 1, mustInspect: true, retryAtMs: nowMs + delayMs };
}

function launchFailed(
  progress: TaskProgress,
  { during, failure }: TaskEvent & { is: 'failed' },
  nowMs: number,
): TaskProgress {
  const failures = progress.failures + 1;
  if (failures >= maxLaunchFailures)
    return { ...progress, failures, failure, mustInspect: during !== 'pull' };
  // A pulled image can be gone, for example after a clean-up of the host. Then it is pulled again.
  const image = during === 'pull' || failure.kind === 'notFound' ? 'missing' : progress.image;
  return { ...retryLater(progress, nowMs, failures), failures, image };
}

function outOfReach(
  view: TaskView,
  { during, failure }: TaskEvent & { is: 'failed' },
  nowMs: number,
): TaskProgress {
  const { progress, container } = view;
  const { sinceMs, attempts } = progress.unreachable ?? { sinceMs: nowMs, attempts: 0 };
  const unreachable = { sinceMs, attempts: attempts + 1 };
  const image = during === 'pull' ? 'missing' : progress.image;
  // A running container survives its engine's silence. A launch does not.
  const isLaunching = !progress.hasRun && container?.state !== 'exited' && progress.failure === undefined;
  const isOver = isLaunching && nowMs - sinceMs >= unreachableLimitMs;
  const after = { ...retryLater(progress, nowMs, attempts), unreachable, image };
  return isOver ? { ...after, failure } : after;
}

function retryLater(progress: TaskProgress, nowMs: number, attempts: number): TaskProgress {
  const delayMs = exponentialDelayMs({ firstMs: minRetryMs, maxMs: maxRetryMs, attempt: attempts });
  return { ...progress, mustInspect: true, retryAtMs: nowMs + delayMs };
}
