import type { Job, Task } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { retryPolicyOf } from '@berth/shared/model/job/job';
import { retryBudgetAfter } from '@berth/shared/model/job/retry-options';
import { isSystemCode } from '@berth/shared/model/task/failure';
import { codeOf } from '@berth/shared/model/task/reason';
import { nextAttemptKey } from '@berth/shared/model/task/task-context';
import { isTerminal, State } from '@berth/shared/model/task/task-state';
import { formatSpan } from '../../terminal/age.js';
import { shortTaskId, stateOf } from './job-facts.js';

/** A slot of a job whose last attempt failed. */
interface RetriedSlot {
  /** The slot, with its stage before it if the job has stages. */
  readonly slot: string;
  readonly newest: Task;
  /** The newest failed task. */
  readonly failed: Task;
}

/**
 * Describes the slot with the most attempts: `attempt 24, last: systemError: …, next in 30s`. Empty if no
 * slot is tried again, or if all that were run now.
 */
export function retryText(job: Job, tasks: readonly Task[], nowMs: number): string {
  if (isTerminal(job.jobState?.state ?? State.QUEUED)) return '';
  const slots = retriedSlots(tasks).filter((slot) => waitsForAttempt(slot, { job, tasks, nowMs }));
  const [most] = slots.sort((a, b) => attemptOf(b.newest) - attemptOf(a.newest));
  if (most === undefined) return '';
  const others = slots.length === 1 ? '' : ` (and ${slots.length - 1} more)`;
  return `${slotText(most, nowMs)}${others}`;
}

interface RetriedJob {
  readonly job: Job;
  readonly tasks: readonly Task[];
  readonly nowMs: number;
}

/** True if an attempt is on its way, or will come. */
function waitsForAttempt({ newest, failed, slot }: RetriedSlot, { job, tasks, nowMs }: RetriedJob): boolean {
  if ((nextAttemptMs(newest) ?? 0) > nowMs) return true;
  if (newest !== failed) return !isTerminal(stateOf(newest)) && stateOf(newest) !== State.RUNNING;
  const { jobDescriptor: descriptor } = job;
  if (descriptor === undefined) return false;
  if (descriptor.jobSpec?.$case !== 'batch') return true;
  const budget = retryBudgetAfter(descriptor, codeOf(failed.state?.reason ?? ''));
  if (budget !== 'user') return budget === 'system';
  const own = tasks.filter((task) => slotOf(task) === slot && stateOf(task) === State.FAILED);
  const used = own.filter((task) => !isSystemFailure(task)).length;
  return used <= retryPolicyOf(descriptor).value.retries;
}

/** True if the ended task of a live batch job is the last of its slot, and another attempt will come. */
export function waitsForRetry(task: Task, job: Job, nowMs: number): boolean {
  const isLive = !isTerminal(job.jobState?.state ?? State.QUEUED);
  if (!isLive || job.jobDescriptor?.jobSpec?.$case !== 'batch') return false;
  const slot = retriedSlots(job.tasks).find(({ newest }) => newest.id === task.id);
  return (
    slot !== undefined &&
    slot.newest === slot.failed &&
    waitsForAttempt(slot, { job, tasks: job.tasks, nowMs })
  );
}

/** Failures of the system do not use up retries. */
function isSystemFailure({ state }: Task): boolean {
  return isSystemCode(codeOf(state?.reason ?? ''));
}

function slotOf({ id }: Task): string {
  return shortTaskId(id).replace(/-\d+$/, '');
}

/**
 * Returns a sentence about the task that is tried again in place of a failed one, or that failed and waits
 * for its next attempt; empty for other tasks.
 */
export function taskRetryText(task: Task, tasks: readonly Task[], nowMs: number): string {
  if (stateOf(task) === State.RUNNING) return '';
  const slot = retriedSlots(tasks).find(({ newest }) => newest.id === task.id);
  if (slot === undefined || (isTerminal(stateOf(task)) && (nextAttemptMs(task) ?? 0) <= nowMs)) return '';
  return slotText(slot, nowMs);
}

function slotText({ newest, failed }: RetriedSlot, nowMs: number): string {
  const attempt = `attempt ${attemptOf(newest) + 1}, last: ${failed.state?.reason || 'failed'}`;
  const nextMs = newest === failed ? nextAttemptMs(failed) : undefined;
  return nextMs === undefined || nextMs <= nowMs
    ? attempt
    : `${attempt}, next in ${formatSpan(nextMs - nowMs)}`;
}

/** Returns the time of the next attempt, which stands in the context of a failed task that waits for it. */
export function nextAttemptMs({ taskContext }: Task): number | undefined {
  const atMs = Date.parse(taskContext[nextAttemptKey] ?? '');
  return Number.isNaN(atMs) ? undefined : atMs;
}

function retriedSlots(tasks: readonly Task[]): RetriedSlot[] {
  const slots = new Map<string, Task[]>();
  for (const task of tasks) {
    const slot = slotOf(task);
    slots.set(slot, [...(slots.get(slot) ?? []), task]);
  }
  return [...slots].flatMap(([slot, attempts]) => {
    const ordered = attempts.sort((a, b) => attemptOf(a) - attemptOf(b));
    const [newest, failed] = [ordered.at(-1), ordered.findLast((task) => stateOf(task) === State.FAILED)];
    return newest === undefined || failed === undefined ? [] : [{ slot, newest, failed }];
  });
}

/** Returns the number of tasks that filled the slot before. */
function attemptOf({ id }: Task): number {
  return Number(/-(\d+)$/.exec(id)?.[1] ?? 0);
}
