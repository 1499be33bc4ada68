import type { ScalingCalls } from '@berth/client';
import { Explanation } from '@berth/shared/gen/berth/v1/placement_service';
import { ScalingExplanation } from '@berth/shared/gen/berth/v1/scaling_service';
import { jobIdOfTask } from '@berth/shared/model/task/task-id';
import type { Command } from 'commander';
import { exitCodes } from '../../errors/exit-code.js';
import { retryText, taskRetryText } from '../../format/jobs/retries.js';
import { scalingLines } from '../../format/jobs/scaling.js';
import { waitingStages, waitSentences } from '../../format/jobs/stages.js';
import { explanationLines } from '../../format/placement/placement.js';
import type { Act } from '../../session/act.js';
import type { Context } from '../../session/context.js';
import { findAllTasks } from '../../session/listing.js';
import { resolve } from '../../session/resolve-id.js';
import { oneLine } from '../../terminal/table.js';
import { watchExplain } from './explain-watch.js';

export function addExplain(program: Command, act: Act): void {
  const command = program
    .command('explain')
    .description(
      'explain why a task waits, and which changes would place it; for a job also the waits of its stages and the decisions of its scaling policies',
    )
    .argument(
      '<task>',
      'id of a task or a job, or a prefix of it; for a job the first waiting task is explained',
    );
  command.option('-w, --watch', 'explain again after each change, until the task waits no more');
  command.action((task: string, { watch = false }: { readonly watch?: boolean }) =>
    act(command, (context) =>
      watch
        ? context.withClient((client) => watchExplain(context, client, task))
        : context.withScaling((calls) => explain(context, calls, task)),
    ),
  );
}

async function explain(context: Context, calls: ScalingCalls, given: string): Promise<number> {
  const { kind, id } = await resolve(calls, given);
  if (kind === 'task') await explainOneTask(context, calls, id);
  else await explainJob(context, calls, id);
  return exitCodes.ok;
}

async function explainJob(context: Context, calls: ScalingCalls, jobId: string): Promise<void> {
  const [job, tasks, scaling] = await Promise.all([
    calls.findJob(jobId),
    findAllTasks(calls, jobId),
    calls.explainScaling(jobId),
  ]);
  const waitingId = tasks.find(({ state }) => (state?.state ?? 0) === 0)?.id;
  const stages = waitingStages(job, tasks);
  if (context.format === 'table') for (const line of waitSentences(job, tasks)) context.io.out(line);
  else if (stages.length > 0) await context.printAll({ jobId, stageWaits: stages });
  if (waitingId !== undefined) await explainTask(context, calls, waitingId);
  const retry = context.format === 'table' ? retryText(job, tasks, context.io.nowMs()) : '';
  if (retry !== '') context.io.out(`Job ${jobId} is tried again: ${oneLine(retry)}`);
  const isSecond = waitingId !== undefined || stages.length > 0 || retry !== '';
  if (scaling.sets.length > 0) await showScaling(context, scaling, isSecond);
  else if (!isSecond) await showNothing(context, jobId);
}

/** A job without waiting tasks is an answer like any other. */
async function showNothing(context: Context, jobId: string): Promise<void> {
  if (context.format !== 'table') return context.printAll({ jobId, stageWaits: [] });
  context.io.out(`No task of job ${jobId} waits for an agent, and no policies scale it.`);
}

async function explainTask(context: Context, calls: ScalingCalls, taskId: string): Promise<void> {
  const explanation = await calls.explain(taskId);
  if (context.format !== 'table') await context.printAll(Explanation.toJSON(explanation));
  else for (const line of explanationLines(explanation, context.colorize)) context.io.out(line);
}

/** A task that is tried again waits for no agent, and still has a reason. */
async function explainOneTask(context: Context, calls: ScalingCalls, taskId: string): Promise<void> {
  await explainTask(context, calls, taskId);
  if (context.format !== 'table') return;
  const tasks = await findAllTasks(calls, jobIdOfTask(taskId));
  const task = tasks.find(({ id }) => id === taskId);
  const retry = task === undefined ? '' : taskRetryText(task, tasks, context.io.nowMs());
  if (retry !== '') context.io.out(`It is tried again: ${oneLine(retry)}`);
}

async function showScaling(context: Context, scaling: ScalingExplanation, isSecond: boolean): Promise<void> {
  if (context.format !== 'table') return context.printAll(ScalingExplanation.toJSON(scaling));
  if (isSecond) context.io.out('');
  for (const line of scalingLines(scaling, context.colorize, context.io.nowMs())) context.io.out(line);
}
