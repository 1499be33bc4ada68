/** `berth cluster schedule`, `fires`, `pause` and `resume`: commands about the schedule of a cluster. */
import type { ScheduleCalls } from '@berth/client';
import { ClusterSchedule, ListFiresResponse } from '@berth/shared/gen/berth/v1/schedule_service';
import { type Command, InvalidArgumentError } from 'commander';
import { exitCodes } from '../../errors/exit-code.js';
import { instanceText } from '../../format/clusters/kinds.js';
import { runHeadings, runRow, scheduleDetail } from '../../format/clusters/schedule.js';
import type { Act } from '../../session/act.js';
import type { Context } from '../../session/context.js';
import { resolveCluster } from '../../session/resolve-cluster.js';
import { renderTable } from '../../terminal/table.js';

interface RunsOptions {
  readonly next: number;
}

const clusterArgument = ['<cluster>', 'id or name of a cluster, or a prefix of its id'] as const;

/** Adds these commands to the group `berth cluster`. */
export function addClusterSchedule(group: Command, act: Act): void {
  const show = group.command('schedule').description('show the schedule of a cluster and its last runs');
  show
    .argument(...clusterArgument)
    .action((given: string) => act(show, (context) => showSchedule(context, given)));
  const fires = group.command('fires').description('show the next runs of the schedule of a cluster');
  fires
    .argument(...clusterArgument)
    .option('-n, --next <count>', 'the number of runs', parseCount, 10)
    .action((given: string, options: RunsOptions) =>
      act(fires, (context) => listFires(context, given, options)),
    );
  addSwitch(group, act, {
    name: 'pause',
    description: 'pause the schedule of a cluster: it starts nothing until it is resumed',
    done: 'paused',
    order: (calls, id) => calls.pauseSchedule(id),
  });
  addSwitch(group, act, {
    name: 'resume',
    description: 'resume the schedule of a cluster; missed runs are not made up',
    done: 'resumed',
    order: (calls, id) => calls.resumeSchedule(id),
  });
}

interface Switch {
  readonly name: string;
  readonly description: string;
  readonly done: string;
  readonly order: (calls: ScheduleCalls, id: string) => Promise<ClusterSchedule>;
}

function addSwitch(group: Command, act: Act, { name, description, done, order }: Switch): void {
  const command = group.command(name).description(description);
  command.argument(...clusterArgument).action((given: string) =>
    act(command, async (context) => {
      const schedule = await context.withSchedules(async (calls) =>
        order(calls, await resolveCluster(calls, given)),
      );
      if (context.format === 'table') context.io.out(`${schedule.clusterId}  ${done}`);
      else await context.printAll(ClusterSchedule.toJSON(schedule));
      return exitCodes.ok;
    }),
  );
}

async function showSchedule(context: Context, given: string): Promise<number> {
  const schedule = await context.withSchedules(async (calls) =>
    calls.getSchedule(await resolveCluster(calls, given)),
  );
  if (context.format !== 'table') {
    await context.printAll(ClusterSchedule.toJSON(schedule));
    return exitCodes.ok;
  }
  const results = await resultsOf(context, schedule);
  const lines = scheduleDetail({ schedule, results }, context.io.nowMs(), context.colorize);
  for (const line of lines) context.io.out(line);
  return exitCodes.ok;
}

/** Returns how the jobs of the last runs stand, by their ids: the state, then results or the error. */
async function resultsOf(
  context: Context,
  { clusterName }: ClusterSchedule,
): Promise<ReadonlyMap<string, string>> {
  try {
    const { instances } = await context.withKinds((calls) => calls.lookupInstances({ kind: clusterName }));
    return new Map(instances.map((instance) => [instance.uuid, instanceText(instance)]));
  } catch {
    // Clusters of services are no kinds, and a gateway may have no job.v1.
    return new Map();
  }
}

async function listFires(context: Context, given: string, { next }: RunsOptions): Promise<number> {
  const list = await context.withSchedules(async (calls) =>
    calls.listFires(await resolveCluster(calls, given), { count: next }),
  );
  if (context.format !== 'table') {
    await context.printAll(ListFiresResponse.toJSON(list));
    return exitCodes.ok;
  }
  const nowMs = context.io.nowMs();
  const rows = list.firesAtMs.map((atMs) => runRow(atMs, list.timeZone, nowMs));
  for (const line of renderTable(runHeadings, rows, context.colorize)) context.io.out(line);
  if (list.idleBecause !== '')
    context.io.err(`berth: none of these runs will start a job: ${list.idleBecause}`);
  return exitCodes.ok;
}

const maxRuns = 1000;

function parseCount(text: string): number {
  const count = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (count < 1 || count > maxRuns)
    throw new InvalidArgumentError(`It must be a whole number from 1 to ${maxRuns}.`);
  return count;
}
