import type { Job, JobDescriptor, Task } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { totalDesired } from '@berth/shared/model/job/job';
import { isTerminal, State } from '@berth/shared/model/task/task-state';

/** How the tasks of a job stand. Tasks that another has replaced count as `replaced` and nothing else. */
export interface TaskCounts {
  readonly desired: number;
  readonly running: number;
  readonly waiting: number;
  readonly finished: number;
  readonly failed: number;
  readonly replaced: number;
}

/** What is to be known of a job at a glance. */
export function countTasks(descriptor: JobDescriptor | undefined, tasks: Iterable<Task>): TaskCounts {
  const all = [...tasks];
  const current = withoutReplaced(all);
  const inState = (matches: (state: State) => boolean) =>
    current.filter((task) => matches(stateOf(task))).length;
  return {
    desired: desiredOf(descriptor),
    running: inState((state) => state === State.RUNNING),
    waiting: inState((state) => !isTerminal(state) && state !== State.RUNNING),
    finished: inState((state) => state === State.FINISHED),
    failed: inState((state) => state === State.FAILED),
    replaced: all.length - current.length,
  };
}

/** The tasks that no other task has replaced. */
export function withoutReplaced(tasks: readonly Task[]): Task[] {
  const replaced = new Set(tasks.map((task) => task.taskContext['task.resubmitOf']));
  return tasks.filter((task) => !replaced.has(task.id));
}

/** How many tasks the job wants, over all stages where it has any. */
export function desiredOf(descriptor: JobDescriptor | undefined): number {
  return descriptor === undefined ? 0 : totalDesired(descriptor);
}

export function stateOf(entity: { readonly state: Task['state'] }): State {
  return entity.state?.state ?? State.QUEUED;
}

/** When the job or task came to be, as RFC 3339; undefined where its history is not told. */
export function createdAt(entity: Pick<Job | Task, 'stateChanges'>): string | undefined {
  return entity.stateChanges[0]?.timestamp;
}

/** What follows the job's id in a task's. */
export function shortTaskId(taskId: string): string {
  return taskId.slice(taskId.indexOf('.') + 1);
}

/** Where a task runs and how it is reached, from its context: `host-1 (8080→32768)`; empty until it is placed. */
export function whereabouts(task: Task): string {
  const context = task.taskContext;
  const host = context['agent.host'] ?? context['agent.instance'] ?? '';
  const ports = formatPorts(context['task.hostPorts'] ?? '');
  return ports === '' ? host : `${host} (${ports})`.trimStart();
}

/** `8080:32768,9090:32769` as `8080→32768, 9090→32769`. */
export function formatPorts(hostPorts: string): string {
  return hostPorts
    .split(',')
    .filter((pair) => pair !== '')
    .map((pair) => pair.replace(':', '→'))
    .join(', ');
}
