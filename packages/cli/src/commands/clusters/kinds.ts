/** `berth kinds`, `schedule`, `instances` and `cancel`: the calls of job.v1 as commands. */
import type { InstanceList, KindCalls } from '@berth/client';
import { Job, JobInstance, JobState } from '@berth/shared/gen/job/v1/job_service';
import { BerthError } from '@berth/shared/model/errors/errors';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { exitCodes } from '../../errors/exit-code.js';
import { UsageError } from '../../errors/usage-error.js';
import { instanceHeadings, instanceRow, kindHeadings, kindRow } from '../../format/clusters/kinds.js';
import { retryText } from '../../format/jobs/retries.js';
import { listOption } from '../../job-input/job-input.js';
import type { Act } from '../../session/act.js';
import type { Context } from '../../session/context.js';
import { renderTable } from '../../terminal/table.js';

interface ScheduleOptions {
  readonly priority?: number;
  readonly idempotencyKey?: string;
}

interface InstanceOptions {
  readonly kind?: string;
  readonly state?: readonly number[];
}

export function addKinds(program: Command, act: Act): void {
  const kinds = program.command('kinds').description('list the registered kinds of jobs');
  kinds.action(() => act(kinds, listKinds));
  addSchedule(program, act);
  const instances = program
    .command('instances')
    .description('list executions of registered kinds, newest first');
  instances.argument('[uuid]', 'id of an execution');
  addSelection(instances).action((uuid: string | undefined, options: InstanceOptions) =>
    act(instances, (context) => listInstances(context, uuid, options)),
  );
  const cancel = program
    .command('cancel')
    .description('end executions of registered kinds that have not ended');
  cancel.argument('[uuids...]', 'ids of executions');
  addSelection(cancel).action((uuids: string[], options: InstanceOptions) =>
    act(cancel, (context) => cancelInstances(context, uuids, options)),
  );
}

function addSchedule(program: Command, act: Act): void {
  const command = program
    .command('schedule')
    .description('run a registered kind once, and print the id of that execution')
    .argument('<kind>', 'name of the kind; berth kinds lists all')
    .argument('[arguments...]', 'arguments after the command of the kind; put -- before them')
    .addOption(
      new Option('--priority <number>', 'lower numbers go first (default: 5)').argParser(parsePriority),
    )
    .option('--idempotency-key <key>', 'repeated requests with the same key count as one');
  command.action((kind: string, given: string[], options: ScheduleOptions) =>
    act(command, (context) => schedule(context, kind, given, options)),
  );
}

function addSelection(command: Command): Command {
  return command
    .option('-k, --kind <kind>', 'only of this kind')
    .addOption(listOption('-s, --state <state>', 'only in this state; may be repeated', parseState));
}

async function listKinds(context: Context): Promise<number> {
  const kinds = await context.withKinds((calls) => calls.listKinds());
  const nowMs = context.io.nowMs();
  return print(context, {
    headings: kindHeadings,
    rows: kinds.map((kind) => kindRow(kind, nowMs)),
    json: kinds.map((kind) => Job.toJSON(kind)),
  });
}

async function schedule(
  context: Context,
  kind: string,
  given: readonly string[],
  { priority, idempotencyKey }: ScheduleOptions,
): Promise<number> {
  const scheduling = { arguments: given, ...(priority === undefined ? {} : { priority }) };
  const options = idempotencyKey === undefined ? {} : { idempotencyKey };
  const instance = await context.withKinds((calls) => calls.schedule(kind, scheduling, options));
  if (context.format === 'table') context.io.out(instance.uuid);
  else await context.printAll(JobInstance.toJSON(instance));
  return exitCodes.ok;
}

async function listInstances(
  context: Context,
  uuid: string | undefined,
  options: InstanceOptions,
): Promise<number> {
  const selection = selectionOf(options);
  const query = { ...selection, ...(uuid === undefined ? {} : { uuid }) };
  const { found, retries } = await context.withKinds(async (calls) => {
    const list = await calls.lookupInstances(query);
    return {
      found: list,
      retries: context.format === 'table' ? await retriesOf(context, calls, list) : new Map(),
    };
  });
  if (uuid !== undefined && found.total === 0) {
    const such = Object.keys(selection).length === 0 ? '' : ', of that kind and in that state';
    throw new BerthError('notFound', `There is no execution with the id ${JSON.stringify(uuid)}${such}.`);
  }
  return printInstances(context, found, retries);
}

/** The maximum number of instances for which the reason of their retries is asked. */
const maxRetried = 20;

/** Returns the reason why live instances are tried again, by their ids. */
async function retriesOf(
  context: Context,
  calls: KindCalls,
  { instances }: InstanceList,
): Promise<ReadonlyMap<string, string>> {
  const isLive = (state: JobState) => state === JobState.CREATED || state === JobState.SCHEDULED;
  const retried = instances.filter(({ attempts = 0, state }) => attempts > 0 && isLive(state));
  const texts = await Promise.all(
    retried.slice(0, maxRetried).map(async ({ uuid }): Promise<[string, string]> => {
      const job = await calls.findJob(uuid).catch(() => undefined);
      return [uuid, job === undefined ? '' : retryText(job, job.tasks, context.io.nowMs())];
    }),
  );
  return new Map(texts);
}

/** Exits with 1 if there was no instance to cancel. */
async function cancelInstances(
  context: Context,
  uuids: readonly string[],
  options: InstanceOptions,
): Promise<number> {
  const selection = selectionOf(options);
  if (uuids.length === 0 && Object.keys(selection).length === 0)
    throw new UsageError('Name the executions: by ids, a --kind or a --state.');
  const queries =
    uuids.length === 0 ? [selection] : [...new Set(uuids)].map((uuid) => ({ ...selection, uuid }));
  const cancelled = await context.withKinds(async (calls) => {
    const found: InstanceList[] = [];
    for (const query of queries) found.push(await calls.cancelInstances(query));
    return {
      instances: found.flatMap(({ instances }) => instances),
      total: found.reduce((sum, { total }) => sum + total, 0),
    };
  });
  // A table without rows says nothing to a person. Programs get the empty list.
  if (cancelled.total > 0 || context.format !== 'table') await printInstances(context, cancelled);
  if (cancelled.total > 0) return exitCodes.ok;
  context.io.err('berth: no selected execution is still live');
  return exitCodes.failed;
}

function selectionOf({ kind, state }: InstanceOptions): { kind?: string; states?: number } {
  return {
    ...(kind === undefined ? {} : { kind }),
    ...(state === undefined ? {} : { states: state.reduce((flags, flag) => flags | flag, 0) }),
  };
}

async function printInstances(
  context: Context,
  { instances, total }: InstanceList,
  retries: ReadonlyMap<string, string> = new Map(),
): Promise<number> {
  const nowMs = context.io.nowMs();
  if (total > instances.length)
    context.io.err(`berth: these are the newest ${instances.length} of ${total}; name a --kind or a --state`);
  return print(context, {
    headings: instanceHeadings,
    rows: instances.map((instance) => instanceRow(instance, nowMs, retries.get(instance.uuid))),
    json: instances.map((instance) => JobInstance.toJSON(instance)),
  });
}

interface List {
  readonly headings: readonly string[];
  readonly rows: Parameters<typeof renderTable>[1];
  readonly json: unknown;
}

async function print(context: Context, { headings, rows, json }: List): Promise<number> {
  if (context.format !== 'table') await context.printAll(json);
  else for (const line of renderTable(headings, rows, context.colorize)) context.io.out(line);
  return exitCodes.ok;
}

function parsePriority(text: string): number {
  if (!/^-?\d{1,9}$/.test(text)) throw new InvalidArgumentError('It must be a whole number.');
  return Number(text);
}

function parseState(text: string): number {
  const states: Readonly<Record<string, number>> = JobState;
  const name = text.toUpperCase().replace(/^JOB_STATE_/, '');
  const flag = Object.hasOwn(states, name) ? states[name] : undefined;
  if (flag === undefined || flag === 0) {
    const known = Object.keys(states).slice(1).join(', ');
    throw new InvalidArgumentError(`It must be one of ${known}.`);
  }
  return flag;
}
