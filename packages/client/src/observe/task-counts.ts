import { BerthError } from '@berth/shared/model/errors/errors';
import { concatMap, defer, type Observable } from 'rxjs';
import type { Channel } from '../connection/channel.js';
import type { ObserveOptions } from '../connection/options.js';
import { CellObservation } from './cell-stream.js';
import type { CellEvent } from './resume-point.js';

/** A field to count by. `label:KEY` is the value of that label of the task's job. */
export type CountBy = 'state' | 'appName' | 'jobClusterId' | 'jobId' | 'agentId' | `label:${string}`;

/** The number of tasks with these values. */
export interface TaskCount {
  /** One value for each field, in the order of the fields. */
  readonly values: readonly string[];
  readonly tasks: number;
}

/** The numbers of tasks at one point in time. */
export interface TaskCounts {
  /** All numbers except 0. */
  readonly all: readonly TaskCount[];
  /** The numbers that changed since the last time; the first time all of them. 0: no tasks any more. */
  readonly changed: readonly TaskCount[];
}

export interface CountOptions extends ObserveOptions {
  /** The criteria of FindJobs and FindTasks. Only tasks that satisfy them are counted. */
  readonly filteringCriteria?: Readonly<Record<string, string>>;
}

/**
 * Emits the counts at once, then after each change. A lost gateway goes unnoticed, but then several numbers
 * may change at once.
 */
export function observeTaskCounts(
  channel: Channel,
  by: readonly CountBy[],
  { filteringCriteria = {}, ...options }: CountOptions,
): Observable<TaskCounts> {
  return defer(() => {
    if (by.length === 0)
      throw new BerthError('invalidArgument', 'Task counts need at least one field to count by.');
    const table = new CountTable();
    const subscription = { countTasksBy: [...by], filteringCriteria: { ...filteringCriteria } };
    return new CellObservation(channel, { ...options, subscription }).pipe(
      concatMap((event) => table.take(event)),
    );
  });
}

class CountTable {
  readonly #counts = new Map<string, TaskCount>();
  /** The counts that the subscriber has, while a snapshot replaces them. */
  #sent: ReadonlyMap<string, TaskCount> | undefined = new Map();

  /** Returns the new counts after the event, or nothing. */
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
