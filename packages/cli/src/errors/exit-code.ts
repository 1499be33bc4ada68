import type { Job, Task } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { isSystemCode } from '@berth/shared/model/task/failure';
import { codeOf } from '@berth/shared/model/task/reason';
import { State } from '@berth/shared/model/task/task-state';
import { stateOf, withoutReplaced } from '../format/jobs/job-facts.js';

/** The exit codes of `berth`. docs/cli.md explains them to users. */
export const exitCodes = {
  ok: 0,
  failed: 1,
  usage: 2,
  runtimeLimitExceeded: 124,
  /** `berth run` could not bring the job to an outcome of its own. */
  notRun: 125,
  interrupted: 130,
  oom: 137,
  killed: 143,
} as const;

/**
 * Returns the exit code of `berth run` for an ended job: 0 if the job FINISHED. If it FAILED, it is the code
 * that all its failed tasks share, and 1 if they differ. Replaced tasks do not count.
 */
export function exitCodeOfJob(job: Job, tasks: readonly Task[]): number {
  const state = job.jobState?.state ?? State.QUEUED;
  const code = codeOf(job.jobState?.reason ?? '');
  if (state === State.FINISHED) return code === 'killed' ? exitCodes.killed : exitCodes.ok;
  const failed = withoutReplaced(tasks).filter((task) => stateOf(task) === State.FAILED);
  const codes = new Set(failed.map(exitCodeOfTask));
  const [only] = codes;
  return codes.size === 1 && only !== undefined ? only : exitCodes.failed;
}

/** Returns the exit code of `berth run` for a job with this failed task only. */
export function exitCodeOfTask(task: Task): number {
  const code = codeOf(task.state?.reason ?? '');
  if (code === 'oom') return exitCodes.oom;
  if (code === 'runtimeLimitExceeded') return exitCodes.runtimeLimitExceeded;
  if (code === 'invalidRequest' || isSystemCode(code)) return exitCodes.notRun;
  const own = containerExitCode(task);
  return own === undefined || own === 0 ? exitCodes.failed : own;
}

/** Returns the exit code of the task's container; undefined if it is unknown. */
function containerExitCode(task: Task): number | undefined {
  const fromContext = task.taskContext['task.exitCode'];
  const text = fromContext ?? /exit code (\d+)/.exec(task.state?.reason ?? '')?.[1];
  const code = Number(text);
  return text !== undefined && Number.isInteger(code) && code >= 0 && code <= 255 ? code : undefined;
}
