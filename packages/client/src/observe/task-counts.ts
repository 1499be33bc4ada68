import { BerthError } from '@berth/shared/model/errors/errors';
import { concatMap, defer, type Observable } from 'rxjs';
import type { Channel } from '../connection/channel.js';
import type { ObserveOptions } from '../connection/options.js';
import { CellObservation } from './cell-stream.js';
import type { CellEvent } from './resume-point.js';

/** By what tasks are counted: `label:KEY` is the value of that label of the task's job. */
export type CountBy = 'state' | 'appName' | 'jobClusterId' | 'jobId' | 'agentId' | `label:${string}`;

/** So many tasks have these values. */
export interface TaskCount {
  /** In the order of what is counted by. */
  readonly values: readonly string[];
  readonly tasks: number;
}

/** How many tasks there are, at one moment. */
export interface TaskCounts {
  /** All numbers but 0. */
  readonly all: readonly TaskCount[];
  /** The numbers that have changed since the last time: at first all. 0: none any more. */
  readonly changed: readonly TaskCount[];
}

export interface CountOptions extends ObserveOptions {
  /** The criteria of FindJobs and FindTasks: only tasks that meet them are counted. */
  readonly filteringCriteria?: Readonly<Record<string, string>>;
}

/** The counts at once, then after each change. A lost gateway goes unnoticed, but that it may change several numbers at once. */
export function observeTaskCounts(
  channel: Channel,
  by: readonly CountBy[],
  { filteringCriteria = {}, ...options }: CountOptions,
): Observable<TaskCounts> {
  return defer(() => {
    if (by.length === 0)
      throw new BerthError('invalidArgument', 'By what are tasks to be counted? Name one thing at least.');
    const table = new CountTable();
    const subscription = { countTasksBy: [...by], filteringCriteria: { ...filteringCriteria } };
    return new CellObservation(channel, { ...options, subscription }).pipe(
      concatMap((event) => table.take(event)),
    );
  });
}

class CountTable {
  readonly #counts = new Map<string, TaskCount>();
  /** What the subscriber knows, while a snapshot replaces it. */
  #sent: ReadonlyMap<string, TaskCount> | undefined = new Map();

  /** What is to be told of the event: nothing, or how things stand. */
  take(event: CellEvent): readonly TaskCounts[] {
    switch (event.$case) {
      case 'reset':
        this.#sent ??= new Map(this.#counts);
        this.#counts.clear();
        return [];
      case 'counts':
        for (const count of event.value.counts) this.#put(count);
        return this.#sent === undefined ? [this.#result(event.value.counts)] : [];
      case 'snapshotEnd':
        return [this.#endSnapshot()];
      default:
        return [];
    }
  }

  #put({ values, tasks }: TaskCount): void {
    const key = JSON.stringify(values);
    if (tasks === 0) this.#counts.delete(key);
    else this.#counts.set(key, { values, tasks });
  }

  #endSnapshot(): TaskCounts {
    const sent = this.#sent ?? new Map<string, TaskCount>();
    this.#sent = undefined;
    const changed = [...this.#counts].filter(([key, { tasks }]) => sent.get(key)?.tasks !== tasks);
    const gone = [...sent].filter(([key]) => !this.#counts.has(key));
    return this.#result([
      ...changed.map(([, count]) => count),
      ...gone.map(([, { values }]) => ({ values, tasks: 0 })),
    ]);
  }

  #result(changed: readonly TaskCount[]): TaskCounts {
    return { all: [...this.#counts.values()], changed };
  }
}
