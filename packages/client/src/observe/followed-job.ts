import {
  type Job,
  type JobChangeNotification,
  JobDescriptor,
  type Task,
} from '@berth/shared/gen/netflix/titus/titus_job_api';
import { isTerminal, State } from '@berth/shared/model/task/task-state';

/** A job as it stands after one more change. */
export interface FollowedJob {
  /** The last known job. Its descriptor is up to date; its state is so only in the last view. See `state`. */
  readonly job: Job;
  /** All tasks seen, by id. The client changes this map in place; copy it to keep it. */
  readonly tasks: ReadonlyMap<string, Task>;
  /** The changed task; absent if the job itself changed. */
  readonly changed: Task | undefined;
  /** The furthest state that a task has reached; in the last view the job's own state. */
  readonly state: State;
  /** True in the last view: the job is FINISHED or FAILED. */
  readonly isFinal: boolean;
}

/** Builds the views of one job from its notifications. It does no I/O. */
export class FollowedJobModel {
  readonly #tasks = new Map<string, Task>();
  #job: Job | undefined;
  #state: State = State.QUEUED;

  /** Returns the views that follow from a notification. `jobFinished` yields none: see {@link finish}. */
  apply(message: JobChangeNotification): FollowedJob[] {
    const { notification } = message;
    switch (notification?.$case) {
      case 'jobSnapshot':
        return notification.value.job === undefined ? [] : this.#applySnapshot(notification.value.job);
      case 'taskUdate':
        return notification.value.task === undefined ? [] : this.#applyTask(notification.value.task);
      case 'jobDefinitionUpdate':
        return this.#applyDescriptor(notification.value.jobDescriptor);
      default:
        return [];
    }
  }

  /** Returns the last view, with the archived job. */
  finish(job: Job): FollowedJob {
    for (const task of job.tasks) this.#tasks.set(task.id, task);
    this.#job = job;
    this.#state = job.jobState?.state ?? State.FINISHED;
    return { job, tasks: this.#tasks, changed: undefined, state: this.#state, isFinal: true };
  }

  /** The first snapshot is one view. A later one, after a reconnection, yields only the differences. */
  #applySnapshot(job: Job): FollowedJob[] {
    const known = this.#job;
    this.#job = job;
    this.#advance(job.jobState?.state ?? State.QUEUED);
    if (known !== undefined) {
      const isRedefined = !isSameDescriptor(known.jobDescriptor, job.jobDescriptor);
      const views = isRedefined ? [this.#view(job, undefined)] : [];
      return [...views, ...job.tasks.flatMap((task) => this.#applyTask(task))];
    }
    for (const task of job.tasks) this.#record(task);
    return [this.#view(job, undefined)];
  }

  /** Returns nothing if the task has not changed: a new stream repeats known states, or is behind them. */
  #applyTask(task: Task): FollowedJob[] {
    if (!isRelevant(this.#tasks.get(task.id), task)) return [];
    this.#record(task);
    return this.#job === undefined ? [] : [this.#view(this.#job, task)];
  }

  #applyDescriptor(jobDescriptor: Job['jobDescriptor']): FollowedJob[] {
    if (this.#job === undefined) return [];
    this.#job = { ...this.#job, jobDescriptor };
    return [this.#view(this.#job, undefined)];
  }

  #record(task: Task): void {
    this.#tasks.set(task.id, task);
    const state = task.state?.state ?? State.QUEUED;
    if (!isTerminal(state)) this.#advance(state);
  }

  #advance(state: State): void {
    if (state > this.#state) this.#state = state;
  }

  #view(job: Job, changed: Task | undefined): FollowedJob {
    return { job, tasks: this.#tasks, changed, state: this.#state, isFinal: false };
  }
}

function isRelevant(known: Task | undefined, task: Task): boolean {
  if (known === undefined) return true;
  const [from, to] = [known.state?.state ?? State.QUEUED, task.state?.state ?? State.QUEUED];
  if (from !== to) return to > from;
  return known.state?.reason !== task.state?.reason || !isSameMap(known.taskContext, task.taskContext);
}

function isSameDescriptor(a: Job['jobDescriptor'], b: Job['jobDescriptor']): boolean {
  const bytesOf = (one: Job['jobDescriptor']) => JobDescriptor.encode(one ?? JobDescriptor.create()).finish();
  return Buffer.compare(bytesOf(a), bytesOf(b)) === 0;
}

function isSameMap(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key]);
}
