import type { FollowedJob } from '@berth/client';
import { jobEndLine, jobSummary, taskLine } from '../../format/jobs/event-line.js';
import { countTasks } from '../../format/jobs/job-facts.js';
import { jobJson, taskJson } from '../../format/jobs/json.js';
import type { Context } from '../../session/context.js';

/**
 * Returns a function that prints the changes since the last view of a job. The last view comes with
 * `exitCode`.
 */
export function progressPrinter(
  context: Context,
): (view: FollowedJob, exitCode: number | undefined) => Promise<void> {
  let isFirst = true;
  return async (view, exitCode) => {
    if (context.format !== 'table') await printEvents(context, view, exitCode);
    else for (const line of viewLines(view, isFirst, context)) context.io.out(line);
    isFirst = false;
  };
}

/** True if the number of RUNNING tasks is the wanted one. */
export function allRunning({ job, tasks }: FollowedJob): boolean {
  const { running, desired } = countTasks(job.jobDescriptor, tasks.values());
  return running >= desired;
}

function viewLines(view: FollowedJob, isFirst: boolean, { colorize }: Context): string[] {
  const { job, tasks, changed } = view;
  if (view.isFinal) return [jobEndLine(job, tasks.values(), colorize)];
  if (isFirst)
    return [
      `job ${job.id} (${jobSummary(job)})`,
      ...[...tasks.values()].map((task) => taskLine(task, colorize)),
    ];
  return changed === undefined ? [`job ${job.id} is now ${jobSummary(job)}`] : [taskLine(changed, colorize)];
}

/** Prints for programs: one object for each change, and one for the end. */
async function printEvents(context: Context, view: FollowedJob, exitCode: number | undefined): Promise<void> {
  const { job, tasks, changed, isFinal } = view;
  if (changed !== undefined) return context.print({ event: 'task', task: taskJson(changed) });
  const full = jobJson({ ...job, tasks: [...tasks.values()] });
  await context.print(isFinal ? { event: 'end', exitCode, job: full } : { event: 'job', job: full });
}
