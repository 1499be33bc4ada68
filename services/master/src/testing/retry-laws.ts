import type { TaskRecord } from '@berth/shared/gen/berth/v1/store';
import type { AnyChange } from '@berth/shared/model/cell/change';
import { jobKind, jobState } from '@berth/shared/model/job/job';
import { taskIdOf } from '@berth/shared/model/task/task-id';
import { isTaskLive, isTerminal, taskReasonCode } from '@berth/shared/model/task/task-state';
import { expect } from 'vitest';
import type { TestCell } from './test-cell.js';

/** Ends that are the system's own doing, as docs/jobs-and-tasks.md lists them. */
const ofTheSystem = ['systemError', 'agentLost', 'stuckInState', 'moved', 'preempted', 'refused'];

/** The history of one slot of a batch job. */
interface SlotPast {
  failures: number;
  /** The final outcome. */
  end?: string;
}

/**
 * The laws of retries, written apart from the code that decides: batch slots are tried no more often than
 * their policy says, and jobs end after their tasks.
 */
export class RetryLaws {
  readonly #cell: TestCell;
  readonly #slots = new Map<string, SlotPast>();

  constructor(cell: TestCell) {
    this.#cell = cell;
  }

  check(changes: readonly AnyChange[]): void {
    for (const change of changes)
      if (change.kind === 'task') this.#noteEnd(change.before?.record, change.after?.record);
    for (const change of changes) {
      if (change.kind === 'task' && change.before === undefined) this.#checkNew(change.after?.record);
      if (
        change.kind === 'jobStatus' &&
        change.after !== undefined &&
        isTerminal(jobState(change.after.record))
      )
        this.#checkEnded(change.id);
    }
  }

  #noteEnd(before: TaskRecord | undefined, after: TaskRecord | undefined): void {
    const isEnd = after !== undefined && !isTaskLive(after) && (before === undefined || isTaskLive(before));
    if (!isEnd) return;
    const past = this.#pastOf(after);
    const code = taskReasonCode(after);
    if (code === 'normal' || code === 'killed') past.end = code;
    else if (!ofTheSystem.includes(code)) past.failures += 1;
  }

  #checkNew(task: TaskRecord | undefined): void {
    const descriptor = task && this.#cell.find('job', task.jobId)?.record.descriptor;
    if (task === undefined || descriptor === undefined || jobKind(descriptor) !== 'batch') return;
    const { failures, end } = this.#pastOf(task);
    const id = taskIdOf(task);
    expect(end, `${id} follows on what was done with`).toBeUndefined();
    const spec = descriptor.jobSpec?.$case === 'batch' ? descriptor.jobSpec.value : undefined;
    const retries = spec?.retryPolicy?.policy?.value.retries ?? 0;
    expect(failures, `${id} is a retry beyond its policy`).toBeLessThanOrEqual(retries);
  }

  #checkEnded(jobId: string): void {
    const live = this.#cell.tasksOf(jobId).filter(({ record }) => isTaskLive(record));
    expect(
      live.map(({ id }) => id),
      `tasks outlive ${jobId}`,
    ).toEqual([]);
  }

  #pastOf({ jobId, stage, slot }: TaskRecord): SlotPast {
    const key = `${jobId}.${stage}.${slot}`;
    const past = this.#slots.get(key) ?? { failures: 0 };
    this.#slots.set(key, past);
    return past;
  }
}
