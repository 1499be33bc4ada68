import type { Assignment } from '@berth/shared/gen/berth/v1/store';
import type { Fault } from '@berth/shared/model/task/failure';
import type { State } from '@berth/shared/model/task/task-state';
import type { ContainerStatus, RuntimeFailure } from './container.js';

/**
 * The agent's knowledge of one task: its assignment, its container, and the agent's own progress. Views
 * change only through `reduceTask`; `nextStep` reads them.
 */
export interface TaskView {
  readonly taskId: string;
  /** Undefined: the task is not (or no longer) assigned to this agent. */
  readonly assignment?: Assignment | undefined;
  /** The last known state. Undefined: there is no container. */
  readonly container?: ContainerStatus | undefined;
  readonly progress: TaskProgress;
}

/**
 * The agent's own actions for a task and their results. They are lost with the process; a new process learns
 * from the containers.
 */
export interface TaskProgress {
  /** `assumed`: the agent has not checked, because the create call shows it soonest. */
  readonly image: 'assumed' | 'missing' | 'pulling' | 'pulled';
  /** The reference to create from, once the image is pulled. */
  readonly imageReference?: string | undefined;
  /** True if this process had the container created, with everything in it. */
  readonly isPrepared?: boolean;
  /** True if the known state of the container may be wrong. */
  readonly mustInspect: boolean;
  /** True if this process has seen the container run. */
  readonly hasRun: boolean;
  /** True if the task ran before this process began. */
  readonly ranBefore: boolean;
  /** The furthest state that was reported. After an end, `end` is set, too. */
  readonly reported?: State | undefined;
  /** True once no victim of the task runs any more. */
  readonly victimsGone?: boolean;
  /** The reason why the agent does not take the task. Nothing of it has run, nor will. */
  readonly refusal?: string | undefined;
  /** The reason why the launch was given up. */
  readonly failure?: RuntimeFailure | undefined;
  /** The reported end. It is repeated without changes. */
  readonly end?: Observation | undefined;
  readonly endReportedAtMs?: number | undefined;
  readonly mustRepeatEnd: boolean;
  /** The number of launch calls that failed inside the engine. */
  readonly failures: number;
  /** The number of removals that failed in a row. */
  readonly removeFailures: number;
  readonly unreachable?: { readonly sinceMs: number; readonly attempts: number } | undefined;
  readonly retryAtMs?: number | undefined;
  /** The time at which the call that sends a signal began, while it is under way. */
  readonly signallingAtMs?: number | undefined;
  /** The time of the first signal that may have reached the container. */
  readonly signalledAtMs?: number | undefined;
  readonly stopSentAtMs?: number | undefined;
  readonly killSentAtMs?: number | undefined;
  /** The grace of a stop that goes on although the assignment is gone. */
  readonly graceMs?: number | undefined;
  /** The container's results, once they were read. Empty if they cannot be read. */
  readonly results?: readonly string[] | undefined;
}

/** The content of a report on a task. */
export interface Observation {
  readonly state: State;
  readonly code: string;
  readonly text: string;
  readonly exitCode?: number | undefined;
  /** True if the container ended after its stop signal. */
  readonly stopped: boolean;
  readonly atMs: number;
  readonly context: Readonly<Record<string, string>>;
  /** True if the agent has too little capacity and has not begun the task. */
  readonly refused?: boolean;
  /** Whose fault the end is. Absent: nobody's. */
  readonly fault?: Fault | undefined;
  /** The lines that the container has written as its results. */
  readonly results?: readonly string[];
}

/** The calls to an engine that a step can make. */
export type RuntimeCall = 'pull' | 'create' | 'start' | 'inspect' | 'stop' | 'kill' | 'collect' | 'remove';

/** Returns a view with every field named. V8 then copies a view in a twentieth of the time at each change. */
export function newTaskView(taskId: string): TaskView {
  return {
    taskId,
    assignment: undefined,
    container: undefined,
    progress: {
      image: 'assumed',
      imageReference: undefined,
      isPrepared: false,
      mustInspect: false,
      hasRun: false,
      ranBefore: false,
      reported: undefined,
      victimsGone: false,
      refusal: undefined,
      failure: undefined,
      end: undefined,
      endReportedAtMs: undefined,
      mustRepeatEnd: false,
      failures: 0,
      removeFailures: 0,
      unreachable: undefined,
      retryAtMs: undefined,
      signallingAtMs: undefined,
      signalledAtMs: undefined,
      stopSentAtMs: undefined,
      killSentAtMs: undefined,
      graceMs: undefined,
      results: undefined,
    },
  };
}
