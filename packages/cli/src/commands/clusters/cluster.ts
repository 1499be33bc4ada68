import type { JobCalls } from '@berth/client';
import {
  type JobCluster,
  type JobClusterDescriptor,
  JobCluster as JobClusterMessage,
} from '@berth/shared/gen/netflix/titus/titus_job_api';
import { type Command, Option } from 'commander';
import { exitCodes } from '../../errors/exit-code.js';
import { UsageError } from '../../errors/usage-error.js';
import {
  clusterDetail,
  clusterHeadings,
  clusterRow,
  type ShownCluster,
} from '../../format/clusters/cluster.js';
import { inWordsOf, readFileOf } from '../../job-input/job-input.js';
import type { Act } from '../../session/act.js';
import type { Context } from '../../session/context.js';
import { findAllClusters, findAllJobs, liveStates } from '../../session/listing.js';
import { resolveCluster } from '../../session/resolve-cluster.js';
import { renderTable } from '../../terminal/table.js';
import { addClusterSchedule } from './cluster-schedule.js';
import {
  addLimitOptions,
  addScheduleOptions,
  clusterSpecOf,
  type LimitOptions,
  type ScheduleOptions,
  scheduledTemplate,
} from './cluster-spec.js';

interface ClusterOptions extends ScheduleOptions, LimitOptions {
  readonly type?: 'batch' | 'service' | 'mantis';
  readonly name?: string;
  /** A path; false for `--no-template`. */
  readonly template?: string | false;
}

const clusterArgument = ['<cluster>', 'id or name of a cluster, or a prefix of its id'] as const;

export function addCluster(program: Command, act: Act): void {
  const group = program
    .command('cluster')
    .description('manage job clusters, which give their jobs a template');
  addChanges(group, act);
  addClusterSchedule(group, act);
  const list = group.command('ls').description('list the clusters of the cell');
  list.action(() => act(list, (context) => context.withCalls((calls) => listClusters(context, calls))));
  const show = group.command('show').description('show everything about a cluster');
  show
    .argument(...clusterArgument)
    .action((given: string) =>
      act(show, (context) => context.withCalls((calls) => showCluster(context, calls, given))),
    );
}

function addChanges(group: Command, act: Act): void {
  const create = group.command('create').description('create a cluster and print its id');
  addLimitOptions(addScheduleOptions(create))
    .argument('<name>', 'name of the cluster')
    .addOption(
      new Option('--type <type>', 'type of its jobs')
        .choices(['batch', 'service', 'mantis'])
        .default('batch'),
    )
    .option('--template <path>', 'job file with defaults for the jobs of the cluster (- for standard input)')
    .action((name: string, options: ClusterOptions) =>
      act(create, (context) => createCluster(context, name, options)),
    );
  const update = group.command('update').description('change the name or the template of a cluster');
  addScheduleOptions(update)
    .option('--no-cron', 'remove the schedule')
    .argument(...clusterArgument)
    .option('--name <name>', 'name of the cluster')
    .option('--template <path>', 'job file with defaults for the jobs of the cluster (- for standard input)')
    .option('--no-template', 'remove the template')
    .action((given: string, options: ClusterOptions) =>
      act(update, (context) => updateCluster(context, given, options)),
    );
  addOrder(group, act, {
    name: 'rm',
    description: 'remove a cluster that has no live jobs',
    done: 'removed',
    order: (calls, id) => calls.removeJobCluster(id),
  });
  addOrder(group, act, {
    name: 'enable',
    description: 'let a cluster start jobs',
    done: 'enabled',
    order: (calls, id) => calls.updateJobClusterStatus({ id, enableStatus: true }),
  });
  addOrder(group, act, {
    name: 'disable',
    description:
      'let a cluster start no more jobs; its live jobs go on, except in a mantis cluster, where they end',
    done: 'disabled',
    order: (calls, id) => calls.updateJobClusterStatus({ id, enableStatus: false }),
  });
}

/** A command that does one thing to one cluster. */
interface Order {
  readonly name: string;
  readonly description: string;
  /** The state of the cluster afterwards. */
  readonly done: string;
  readonly order: (calls: JobCalls, id: string) => Promise<void>;
}

function addOrder(group: Command, act: Act, { name, description, done, order }: Order): void {
  const command = group.command(name).description(description);
  command.argument(...clusterArgument).action((given: string) =>
    act(command, async (context) => {
      const id = await context.withCalls(async (calls) => {
        const clusterId = await resolveCluster(calls, given);
        await order(calls, clusterId);
        return clusterId;
      });
      if (context.format === 'table') context.io.out(`${id}  ${done}`);
      else await context.printAll({ id, [done]: true });
      return exitCodes.ok;
    }),
  );
}

async function createCluster(context: Context, name: string, options: ClusterOptions): Promise<number> {
  const { type = 'batch', template } = options;
  const given = template ? await readFileOf(context.io, template) : undefined;
  const jobDescriptor = scheduledTemplate(given?.descriptor, options);
  const descriptor = {
    name,
    clusterSpec: clusterSpecOf(type, options),
    ...(jobDescriptor === undefined ? {} : { jobDescriptor }),
  };
  const { id, others } = await inWordsOf(
    given ?? {},
    context.withCalls(async (calls) => ({
      ...(await calls.createJobCluster(descriptor)),
      others: await clustersNamed(calls, name),
    })),
  );
  if (others > 1)
    context.io.err(
      `berth: ${others} clusters have the name ${JSON.stringify(name)} now. Commands need the id to tell them apart; berth cluster rm ID removes one.`,
    );
  if (context.format === 'table') context.io.out(id);
  else await context.printAll({ id });
  return exitCodes.ok;
}

/** Counts the clusters of this name. The warning is not worth a failure after the creation. */
async function clustersNamed(calls: JobCalls, name: string): Promise<number> {
  try {
    return (await findAllClusters(calls)).filter(({ descriptor }) => descriptor?.name === name).length;
  } catch {
    return 0;
  }
}

async function updateCluster(context: Context, given: string, options: ClusterOptions): Promise<number> {
  const { name, template } = options;
  const isScheduled = [options.cron, options.cronZone, options.cronPolicy].some((said) => said !== undefined);
  if (name === undefined && template === undefined && !isScheduled)
    throw new UsageError('Name a change: --name, --template, --no-template, --cron or --no-cron.');
  const own = typeof template === 'string' ? await readFileOf(context.io, template) : undefined;
  const id = await context.withCalls(async (calls) => {
    const clusterId = await resolveCluster(calls, given);
    const { descriptor } = await calls.findJobCluster(clusterId);
    if (descriptor === undefined) throw new Error('the cluster has no descriptor');
    const changed: JobClusterDescriptor = {
      ...descriptor,
      name: name ?? descriptor.name,
      jobDescriptor: scheduledTemplate(
        template === undefined ? descriptor.jobDescriptor : own?.descriptor,
        options,
      ),
    };
    await inWordsOf(own ?? {}, calls.updateJobCluster({ id: clusterId, descriptor: changed }));
    return clusterId;
  });
  if (context.format === 'table') context.io.out(`${id}  updated`);
  else await context.printAll({ id });
  return exitCodes.ok;
}

async function listClusters(context: Context, calls: JobCalls): Promise<number> {
  const disabled = new Set((await findAllClusters(calls, { enabled: 'false' })).map(({ id }) => id));
  const clusters = await findAllClusters(calls);
  const jobs = await findAllJobs(calls, { states: liveStates, fields: ['jobClusterId', 'stateChanges'] });
  const shown = clusters.map((cluster) => ({
    cluster,
    enabled: !disabled.has(cluster.id),
    liveJobs: jobs.filter(({ jobClusterId }) => jobClusterId === cluster.id).length,
  }));
  if (context.format !== 'table') await context.printAll(shown.map(clusterJson));
  else
    for (const line of renderTable(clusterHeadings, shown.map(clusterRow), context.colorize))
      context.io.out(line);
  return exitCodes.ok;
}

async function showCluster(context: Context, calls: JobCalls, given: string): Promise<number> {
  const id = await resolveCluster(calls, given);
  const cluster = await calls.findJobCluster(id);
  const disabled = await findAllClusters(calls, { jobClusterIds: id, enabled: 'false' });
  const jobs = await findAllJobs(calls, {
    states: liveStates,
    criteria: { jobClusterIds: id },
    fields: ['id', 'stateChanges'],
  });
  const shown = { cluster, enabled: disabled.length === 0, liveJobs: jobs.length };
  if (context.format !== 'table') await context.printAll(clusterJson(shown));
  else for (const line of clusterDetail(shown, context.colorize)) context.io.out(line);
  return exitCodes.ok;
}

function clusterJson({ cluster, enabled, liveJobs }: ShownCluster): object {
  return { ...(JobClusterMessage.toJSON(cluster) as JobCluster), enabled, liveJobs };
}
