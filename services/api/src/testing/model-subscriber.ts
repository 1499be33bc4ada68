import {
  JobChangeNotification,
  type JobDescriptor,
  type Task,
} from '@berth/shared/gen/netflix/titus/titus_job_api';
import { isTerminal, State } from '@berth/shared/model/task/task-state';

interface KnownJob {
  descriptor: JobDescriptor | undefined;
  readonly tasks: Map<string, Task>;
  isFinished: boolean;
}

/** A subscriber that trusts only the promises of a stream and throws at once if the stream breaks one. */
export class ModelSubscriber {
  readonly jobs = new Map<string, KnownJob>();
  readonly received: JobChangeNotification[] = [];
  isLive = false;

  receive(bytes: Uint8Array): void {
    const message = JobChangeNotification.decode(bytes);
    const { notification } = message;
    // It only breaks the silence.
    if (notification === undefined) return;
    this.received.push(message);
    switch (notification.$case) {
      case 'jobSnapshot':
        return this.#snapshot(notification.value.job);
      case 'snapshotEnd':
        return this.#check(!this.isLive, 'snapshotEnd came twice', () => {
          this.isLive = true;
        });
      case 'jobDefinitionUpdate':
        return this.#define(notification.value.id, notification.value.jobDescriptor);
      case 'taskUdate':
        return this.#update(notification.value.task);
      case 'jobFinished':
        return this.#finish(notification.value.id);
      default:
        throw new Error('an empty notification');
    }
  }

  #snapshot(
    job: { id: string; jobDescriptor: JobDescriptor | undefined; tasks: readonly Task[] } | undefined,
  ): void {
    if (job === undefined) throw new Error('a snapshot without a job');
    this.#check(!this.isLive, `${job.id} came as a snapshot after the snapshot's end`);
    this.#check(!this.jobs.has(job.id), `${job.id} came twice in the snapshot`);
    const tasks = new Map(job.tasks.map((task) => [task.id, task]));
    this.jobs.set(job.id, { descriptor: job.jobDescriptor, tasks, isFinished: false });
  }

  #define(id: string, descriptor: JobDescriptor | undefined): void {
    this.#check(this.isLive, 'a change before the end of the snapshot');
    const known = this.jobs.get(id);
    this.#check(known?.isFinished !== true, `${id} was redefined after its end`);
    this.#check(
      JSON.stringify(known?.descriptor) !== JSON.stringify(descriptor),
      `the definition of ${id} came twice`,
    );
    if (known === undefined) this.jobs.set(id, { descriptor, tasks: new Map(), isFinished: false });
    else known.descriptor = descriptor;
  }

  #update(task: Task | undefined): void {
    if (task === undefined) throw new Error('a task update without a task');
    const jobId = task.id.slice(0, task.id.indexOf('.'));
    const job = this.jobs.get(jobId);
    if (job === undefined) throw new Error(`${task.id} came before its job`);
    this.#check(!job.isFinished, `${task.id} came after the end of its job`);
    const known = job.tasks.get(task.id);
    if (known !== undefined) {
      this.#check(JSON.stringify(known) !== JSON.stringify(task), `${task.id} came twice in the same state`);
      this.#check(stateOf(task) >= stateOf(known) && !isTerminal(stateOf(known)), `${task.id} went back`);
    }
    job.tasks.set(task.id, task);
  }

  #finish(id: string): void {
    const job = this.jobs.get(id);
    if (job === undefined) throw new Error(`${id} finished before its definition`);
    this.#check(!job.isFinished, `${id} finished twice`);
    const live = [...job.tasks.values()].filter((task) => !isTerminal(stateOf(task)));
    this.#check(live.length === 0, `${id} finished before its tasks ${live.map((task) => task.id)}`);
    job.isFinished = true;
  }

  #check(holds: boolean, otherwise: string, then: () => void = () => {}): void {
    if (!holds) throw new Error(otherwise);
    then();
  }
}

function stateOf(task: Task): State {
  return task.state?.state ?? State.QUEUED;
}
