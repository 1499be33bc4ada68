import type { Assignment } from '@berth/shared/gen/berth/v1/store';
import { isTerminal } from '@berth/shared/model/task/task-state';
import type { ContainerStatus, RuntimeFailure } from './container.js';
import type { Observation, RuntimeCall, TaskProgress, TaskView } from './task-view.js';

/** What can happen to a task, as its agent sees it. */
export type TaskEvent =
  | { readonly is: 'assigned'; readonly assignment: Assignment | undefined }
  /** The agent does not take the task, for it lacks what the task needs. */
  | { readonly is: 'refused'; readonly text: string }
  /** The tasks whose room it was to get are gone. */
  | { readonly is: 'victimsGone' }
  /** Something has happened to the container. */
  | { readonly is: 'containerChanged' }
  /** A list showed it: that tells whether it runs, but not how it ended. */
  | { readonly is: 'listed'; readonly container: ContainerStatus }
  /** All there is to know of the container; undefined: there is none. */
  | { readonly is: 'inspected'; readonly container: ContainerStatus | undefined }
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
  | { readonly is: 'reportsMayBeLost'; readonly all: boolean }
  | { readonly is: 'failed'; readonly during: RuntimeCall; readonly failure: RuntimeFailure };

/** A launch is given up when the engine has been out of reach for this long. */
export const unreachableLimitMs = 30_000;
/** A launch is given up after so many failures of the engine's own. */
export const maxLaunchFailures = 3;
const minRetryMs = 200;
/** The longest wait before something that failed is tried again. */
export const maxRetryMs = 10_000;

/** The view after the event. */
export function reduceTask(view: TaskView, event: TaskEvent, nowMs: number): TaskView {
  const { progress } = view;
  const withProgress = (changes: Partial<TaskProgress>): TaskView => ({
    ...view,
    progress: { ...progress, ...changes },
  });
  switch (event.is) {
    case 'assigned':
      return { ...view, assignment: newerOf(view.assignment, event.assignment) };
    case 'refused':
      return withProgress({ refusal: event.text });
    case 'victimsGone':
      return withProgress({ victimsGone: true });
    case 'containerChanged':
      return withProgress({ mustLook: true });
    case 'listed':
      return listed(view, event.container);
    case 'inspected':
      return inspected(view, event.container);
    case 'pulling':
      return withProgress({ image: 'pulling' });
    case 'pulled':
      return withProgress({ image: 'pulled', imageReference: event.reference, unreachable: undefined });
    case 'created':
      return {
        ...withProgress({ isPrepared: true, mustLook: event.adopted, unreachable: undefined }),
        container: created(view),
      };
    case 'started':
      return started(view, event.hasAddress, nowMs);
    case 'stopSent':
      return withProgress({ stopSentAtMs: nowMs, killSentAtMs: undefined });
    case 'killSent':
      return withProgress({
        stopSentAtMs: Math.min(progress.stopSentAtMs ?? nowMs, nowMs),
        killSentAtMs: nowMs,
      });
    case 'collected':
      return withProgress({ results: event.results, unreachable: undefined });
    case 'removed':
      return { ...withProgress({ mustLook: false }), container: undefined };
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

/** An order to stop is never taken back, so a copy of the assignment without it is the older one. */
function newerOf(held: Assignment | undefined, given: Assignment | undefined): Assignment | undefined {
  return held?.stop !== undefined && given !== undefined && given.stop === undefined ? held : given;
}

function listed(view: TaskView, container: ContainerStatus): TaskView {
  // What is known of a container that has ended is final, and otherwise the list may tell nothing new.
  const known = view.container?.state;
  if (known === 'exited' || known === container.state) return view;
  const isRunning = container.state === 'running';
  const progress = { ...view.progress, mustLook: view.progress.mustLook || !isRunning };
  return { ...view, container, progress: { ...progress, hasRun: progress.hasRun || isRunning } };
}

function inspected(view: TaskView, container: ContainerStatus | undefined): TaskView {
  // What had ended and is gone must not run a second time.
  const hasVanished = container === undefined && view.container?.state === 'exited';
  const hasRun = view.progress.hasRun || container?.state === 'running' || hasVanished;
  return {
    ...view,
    container,
    progress: { ...view.progress, mustLook: false, hasRun, unreachable: undefined },
  };
}

function created({ taskId }: TaskView): ContainerStatus {
  return { taskId, state: 'created' };
}

/** Word of the container's end can come before the answer to the call that started it: then there is a need to look. */
function started(view: TaskView, hasAddress: boolean, nowMs: number): TaskView {
  const { progress, taskId } = view;
  return {
    ...view,
    container: { taskId, state: 'running', startedAtMs: nowMs },
    progress: {
      ...progress,
      hasRun: true,
      mustLook: progress.mustLook || hasAddress,
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
  // What cannot be read is no reason for a task to fail; an engine that is out of reach is asked again.
  if (during === 'collect' && failure.kind !== 'unavailable')
    return { ...view, progress: { ...view.progress, results: [] } };
  const isPrepared = view.progress.isPrepared === true && during !== 'create';
  const after = { ...view, progress: { ...afterFailure(view, event, nowMs), isPrepared } };
  const isGone = failure.kind === 'notFound' && during !== 'create' && during !== 'pull';
  return isGone ? { ...after, container: undefined } : after;
}

function afterFailure(view: TaskView, event: TaskEvent & { is: 'failed' }, nowMs: number): TaskProgress {
  const { progress } = view;
  const { during, failure } = event;
  const isLaunch = during === 'pull' || during === 'create' || during === 'start';
  switch (failure.kind) {
    case 'notFound':
      if (during === 'pull') return { ...progress, failure };
      if (during !== 'create') return progress;
      return progress.image === 'pulled'
        ? launchFailed(progress, event, nowMs)
        : { ...progress, image: 'missing' };
    case 'invalid':
      // An image can name a stop signal that its engine does not know: then only SIGKILL, after the grace, is left.
      if (during === 'stop') return { ...progress, stopSentAtMs: nowMs };
      return isLaunch ? { ...progress, failure } : retryLater(progress, nowMs, 1);
    case 'conflict':
      if (during === 'create') return { ...progress, failure };
      return isLaunch ? launchFailed(progress, event, nowMs) : retryLater(progress, nowMs, 0);
    case 'unavailable':
      return outOfReach(view, event, nowMs);
    case 'failed':
      return isLaunch ? launchFailed(progress, event, nowMs) : retryLater(progress, nowMs, 1);
  }
}

function launchFailed(
  progress: TaskProgress,
  { during, failure }: TaskEvent & { is: 'failed' },
  nowMs: number,
): TaskProgress {
  const failures = progress.failures + 1;
  if (failures >= maxLaunchFailures) return { ...progress, failures, failure, mustLook: during !== 'pull' };
  // What was pulled and is gone, as after a clean-up of the host's, has to be pulled again.
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
  // A container that runs outlives its engine's silence; a launch does not.
  const isLaunching = !progress.hasRun && container?.state !== 'exited' && progress.failure === undefined;
  const isOver = isLaunching && nowMs - sinceMs >= unreachableLimitMs;
  const after = { ...retryLater(progress, nowMs, attempts), unreachable, image };
  return isOver ? { ...after, failure } : after;
}

function retryLater(progress: TaskProgress, nowMs: number, attempts: number): TaskProgress {
  const delayMs = Math.min(maxRetryMs, minRetryMs * 2 ** Math.min(attempts, 16));
  return { ...progress, mustLook: true, retryAtMs: nowMs + delayMs };
}
