import type { JobCalls } from '@berth/client';
import type { Command } from 'commander';
import { exitCodes } from '../../errors/exit-code.js';
import { jobDetail, taskDetail } from '../../format/jobs/detail.js';
import { jobJson, taskJson } from '../../format/jobs/json.js';
import type { Act } from '../../session/act.js';
import type { Context } from '../../session/context.js';
import { findAllTasks } from '../../session/listing.js';
import { resolve } from '../../session/resolve-id.js';

export function addShow(program: Command, act: Act): void {
  const command = program
    .command('show')
    .description('show everything about a job or a task')
    .argument('<id>', 'id of a job or a task, or a prefix of it');
  command.action((id: string) =>
    act(command, (context) => context.withCalls((calls) => show(context, calls, id))),
  );
}

async function show(context: Context, calls: JobCalls, given: string): Promise<number> {
  const { kind, id } = await resolve(calls, given);
  await (kind === 'job' ? showJob(context, calls, id) : showTask(context, calls, id));
  return exitCodes.ok;
}

async function showJob(context: Context, calls: JobCalls, id: string): Promise<void> {
  const job = await calls.findJob(id);
  const tasks = await findAllTasks(calls, id);
  if (context.format !== 'table') return context.printAll(jobJson({ ...job, tasks }));
  for (const line of jobDetail(job, tasks, context.io.nowMs(), context.colorize)) context.io.out(line);
}

async function showTask(context: Context, calls: JobCalls, id: string): Promise<void> {
  const task = await calls.findTask(id);
  if (context.format !== 'table') return context.printAll(taskJson(task));
  for (const line of taskDetail(task, context.io.nowMs(), context.colorize)) context.io.out(line);
}
