import type { Assignment } from '@berth/shared/gen/berth/v1/store';
import type { State } from '@berth/shared/model/task/task-state';
import type { ContainerStatus, RuntimeFailure } from './container.js';

/**
 * All that an agent knows of one task: what it is to do, what the engine shows, and what it has done itself. Views
 * change only through `remember`; `nextStep` reads them.
 */
export interface TaskView {
  readonly taskId: string;
  /** Undefined: the task is not (or no longer) this agent's. */
  readonly assignment?: Assignment | undefined;
  /** As last seen or brought about; undefined: there is none. */
  readonly container?: ContainerStatus | undefined;
  readonly progress: TaskProgress;
}

/** What has been done for a task, and how that went. Lost with the process: a new one learns from the containers. */
export interface TaskProgress {
  /** `assumed`: nobody has looked, since creating the container tells soonest. */
  readonly image: 'assumed' | 'missing' | 'pulling' | 'pulled';
  /** The reference to create from, once the image is pulled. */
  readonly imageReference?: string | undefined;
  /** This process has had the container created, with all that belongs into it. */
  readonly isPrepared?: boolean;
  /** What is known of the container may be wrong. */
  readonly mustLook: boolean;
  /** This process has seen the container run. */
  readonly hasRun: boolean;
  /** The furthest state reported; an end only after `end`. */
  readonly reported?: State | undefined;
  /** The tasks whose room it was to get are gone. */
  readonly victimsGone?: boolean;
  /** Why the agent does not take the task: nothing of it has run, nor will. */
  readonly refusal?: string | undefined;
  /** Why the launch was given up. */
  readonly failure?: RuntimeFailure | undefined;
  /** The end as it was reported, and as it will be repeated. */
  readonly end?: Observation | undefined;
  readonly endReportedAtMs?: number | undefined;
  readonly mustRepeatEnd: boolean;
  /** Launch calls that the engine answered with a failure of its own. */
  readonly failures: number;
  readonly unreachable?: { readonly sinceMs: number; readonly attempts: number } | undefined;
  readonly retryAtMs?: number | undefined;
  readonly stopSentAtMs?: number | undefined;
  readonly killSentAtMs?: number | undefined;
  /** The container's results, once they were read; none where they cannot be. */
  readonly results?: readonly string[] | undefined;
}

/** What is to be told of a task. */
export interface Observation {
  readonly state: State;
  readonly code: string;
  readonly text: string;
  readonly exitCode?: number | undefined;
  /** The container ended after it had been told to. */
  readonly stopped: boolean;
  readonly atMs: number;
  readonly context: Readonly<Record<string, string>>;
  /** The agent lacks what the task needs, and has not begun it. */
  readonly refused?: boolean;
  /** What the container has written for whoever scheduled it, a line each. */
  readonly results?: readonly string[];
}

/** The calls to an engine that a step can make. */
export type RuntimeCall = 'pull' | 'create' | 'start' | 'inspect' | 'stop' | 'kill' | 'collect' | 'remove';

/** With all that it may ever hold named: V8 then copies views at each change at a twentieth of the cost. */
export function newTaskView(taskId: string): TaskView {
  return {
    taskId,
    assignment: undefined,
    container: undefined,
    progress: {
      image: 'assumed',
      imageReference: undefined,
      isPrepared: false,
      mustLook: false,
      hasRun: false,
      reported: undefined,
      victimsGone: false,
      refusal: undefined,
      failure: undefined,
      end: undefined,
      endReportedAtMs: undefined,
      mustRepeatEnd: false,
      failures: 0,
      unreachable: undefined,
      retryAtMs: undefined,
      stopSentAtMs: undefined,
      killSentAtMs: undefined,
      results: undefined,
    },
  };
}
