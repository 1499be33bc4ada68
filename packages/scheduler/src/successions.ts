import type { TaskRecord } from '@berth/shared/gen/berth/v1/store';
import { jobIdOfTask } from '@berth/shared/model/job/job';
import { State, stateName } from '@berth/shared/model/task/task-state';

/** A task that gets the room of another. */
export interface Successor {
  readonly taskId: string;
  /** When it was placed: the other one is to stop since then. */
  readonly sinceMs: number;
}

/**
 * Which tasks have to leave their room to which others. Only the records of those that get the room say so: a placement is
 * the order to stop as well, so that it is one write, and both happen or neither does.
 */
export class Successions {
  /** By the task that leaves, those that get its room. */
  readonly #successors = new Map<string, readonly TaskRecord[]>();
  /** By job, those of its tasks that leave. */
  readonly #leaving = new Map<string, Set<string>>();

  /** Takes note that this task gets the room of that one. */
  add(taskId: string, successor: TaskRecord): void {
    const known = this.#successors.get(taskId);
    this.#successors.set(taskId, known === undefined ? [successor] : [...known, successor]);
    if (known !== undefined) return;
    const jobId = jobIdOfTask(taskId);
    const ofJob = this.#leaving.get(jobId);
    if (ofJob === undefined) this.#leaving.set(jobId, new Set([taskId]));
    else ofJob.add(taskId);
  }

  /** Forgets the record of a task that gets the room of others. */
  remove(successor: TaskRecord): void {
    for (const taskId of successor.awaitedTaskIds) {
      const others = this.#successors.get(taskId)?.filter(({ task }) => task?.id !== successor.task?.id);
      if (others === undefined) continue;
      if (others.length === 0) this.end(taskId);
      else this.#successors.set(taskId, others);
    }
  }

  /** Forgets a task that has left. */
  end(taskId: string): void {
    if (!this.#successors.delete(taskId)) return;
    const jobId = jobIdOfTask(taskId);
    const ofJob = this.#leaving.get(jobId);
    if (ofJob?.delete(taskId) && ofJob.size === 0) this.#leaving.delete(jobId);
  }

  /** Whether the task has to leave its room. */
  has(taskId: string): boolean {
    return this.#successors.has(taskId);
  }

  /** Whether any of those that get the room of the task, or were to get it before they ended, is such a one. */
  someSuccessor(taskId: string, isSuch: (successorId: string) => boolean): boolean {
    return this.#successors.get(taskId)?.some(({ task }) => isSuch(task?.id ?? '')) ?? false;
  }

  /** The first of those that get the room of the task; undefined where it may stay. */
  successorOf(taskId: string): Successor | undefined {
    const all = (this.#successors.get(taskId) ?? []).map((record) => ({
      taskId: record.task?.id ?? '',
      sinceMs: placedAtMs(record),
    }));
    return all.sort((a, b) => a.sinceMs - b.sinceMs || (a.taskId < b.taskId ? -1 : 1))[0];
  }

  /** The live tasks of the job that have to leave their room. */
  leaving(jobId: string): Iterable<string> {
    return this.#leaving.get(jobId) ?? [];
  }
}

/** When the task was placed; when it was created, where its history does not say. */
export function placedAtMs({ task, createdAtMs }: TaskRecord): number {
  const placed = task?.stateChanges.find(({ state }) => state === stateName(State.DISPATCHED));
  return Date.parse(placed?.timestamp ?? '') || createdAtMs;
}
