import type { TaskRecord } from '../../gen/berth/v1/store.js';
import { State, type Task } from '../../gen/netflix/titus/titus_job_api.js';
import { codeOf, formatReason } from './reason.js';

export { State };

const names = ['QUEUED', 'DISPATCHED', 'STARTING', 'RUNNING', 'FINISHED', 'FAILED'] as const;

export type StateName = (typeof names)[number];

/** The name of a state, as it stands in state histories and filters. */
export function stateName(state: State): StateName {
  return names[state] ?? 'QUEUED';
}

/** Returns the state of that name in upper or lower case; undefined if there is no such name. */
export function findState(name: string): State | undefined {
  const index = (names as readonly string[]).indexOf(name.toUpperCase());
  return index < 0 ? undefined : (index as State);
}

export function isTerminal(state: State): boolean {
  return state === State.FINISHED || state === State.FAILED;
}

/**
 * The one rule of state changes: forward only, states may be skipped, and nothing follows an end. The
 * enum's order is the order of life. So of two observations of a living task the greater is the newer.
 */
export function mayMove(from: State, to: State): boolean {
  return !isTerminal(from) && to > from;
}

export function taskState(task: TaskRecord): State {
  return task.task?.state?.state ?? State.QUEUED;
}

export function taskReasonCode(task: TaskRecord): string {
  return codeOf(task.task?.state?.reason ?? '');
}

export function isTaskLive(task: TaskRecord): boolean {
  return !isTerminal(taskState(task));
}

/** A move to another state, with its reason and the facts that become known with it. */
interface Transition {
  readonly to: State;
  readonly code: string;
  readonly text?: string;
  readonly atMs: number;
  /** Added to the task's context. */
  readonly context?: Readonly<Record<string, string>>;
}

/**
 * Returns the task after the move, its history extended; undefined if {@link mayMove} does not allow the
 * move.
 */
export function moveTask(task: TaskRecord, move: Transition): TaskRecord | undefined {
  const publicTask = task.task;
  if (publicTask === undefined || !mayMove(taskState(task), move.to)) return undefined;
  return {
    ...task,
    ...(move.to === State.RUNNING ? { runningAtMs: move.atMs } : {}),
    ...(isTerminal(move.to) ? { finishedAtMs: move.atMs } : {}),
    task: {
      ...publicTask,
      taskContext: extended(publicTask.taskContext, move.context),
      state: { state: move.to, reason: formatReason(move.code, move.text) },
      stateChanges: [
        ...publicTask.stateChanges,
        { state: stateName(move.to), timestamp: toRfc3339(move.atMs) },
      ],
    },
  };
}

/** Returns the same object if nothing is added, so that it need not be encoded again. */
function extended(context: Task['taskContext'], added: Transition['context'] = {}): Task['taskContext'] {
  // Spreading two objects into one costs V8 twenty times as much if the second has keys of its own.
  for (const _ in added) return Object.assign({}, context, added);
  return context;
}

// A round moves many tasks at one time.
let lastTime = { atMs: 0, text: '1970-01-01T00:00:00.000Z' };

/** RFC 3339 with milliseconds, in UTC. */
export function toRfc3339(atMs: number): string {
  if (lastTime.atMs !== atMs) lastTime = { atMs, text: new Date(atMs).toISOString() };
  return lastTime.text;
}
