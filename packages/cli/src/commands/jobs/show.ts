import type { AgentCalls } from '@berth/client';
import type { Job } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { defaultClusterId } from '@berth/shared/model/job/job';
import type { Command } from 'commander';
import { exitCodes } from '../../errors/exit-code.js';
import { jobDetail, taskDetail } from '../../format/jobs/detail.js';
import { jobJson, taskJson } from '../../format/jobs/json.js';
import type { Act } from '../../session/act.js';
import { hostAddresses } from '../../session/agent-hosts.js';
import type { Context } from '../../session/context.js';
import { findAllTasks } from '../../session/listing.js';
import { clusterNames } from '../../session/resolve-cluster.js';
import { resolve } from '../../session/resolve-id.js';

export function addShow(program: Command, act: Act): void {
  const command = program
    .command('show')
    .description('show everything about a job or a task')
    .argument('<id>', 'id of a job or a task, a prefix of it, or the name of a job');
  command.action((id: string) =>
    act(command, (context) => context.withAgents((calls) => show(context, calls, id))),
  );
}

async function show(context: Context, calls: AgentCalls, given: string): Promise<number> {
  const { kind, id } = await resolve(calls, given);
  await (kind === 'job' ? showJob(context, calls, id) : showTask(context, calls, id));
  return exitCodes.ok;
}

async function showJob(context: Context, calls: AgentCalls, id: string): Promise<void> {
  const job = await calls.findJob(id);
  const tasks = await findAllTasks(calls, id);
  if (context.format !== 'table') return context.printAll(jobJson({ ...job, tasks }));
  const addresses = await hostAddresses(calls, tasks);
  const [clusters, results] = await Promise.all([clusterNames(calls, [job]), resultsOf(context, job)]);
  const view = { addresses, cluster: clusters.get(job.jobClusterId) ?? '', results };
  for (const line of jobDetail({ job, tasks }, view, context.io.nowMs(), context.colorize))
    context.io.out(line);
}

async function showTask(context: Context, calls: AgentCalls, id: string): Promise<void> {
  const task = await calls.findTask(id);
  if (context.format !== 'table') return context.printAll(taskJson(task));
  const addresses = await hostAddresses(calls, [task]);
  for (const line of taskDetail(task, addresses, context.io.nowMs(), context.colorize)) context.io.out(line);
}

/** Only jobs of registered kinds leave results. */
async function resultsOf(context: Context, job: Job): Promise<readonly string[]> {
  if (job.jobClusterId === '' || job.jobClusterId === defaultClusterId) return [];
  try {
    const { instances } = await context.withKinds((calls) => calls.lookupInstances({ uuid: job.id }));
    return instances[0]?.results ?? [];
  } catch {
    // The job is shown all the same if its cluster is no kind, or if the gateway has no job.v1.
    return [];
  }
}
