import type { BerthClient, CountBy, ObserveOptions, TaskCount } from '@berth/client';
import type { JobChangeNotification } from '@berth/shared/gen/netflix/titus/titus_job_api';
import type { Command } from 'commander';
import type { Observable } from 'rxjs';
import { exitCodes } from '../../errors/exit-code.js';
import { countLine, notificationLines } from '../../format/jobs/event-line.js';
import { notificationJson } from '../../format/jobs/json.js';
import type { Act } from '../../session/act.js';
import type { Context } from '../../session/context.js';
import { resolveJob } from '../../session/resolve-id.js';

export function addObserve(program: Command, act: Act): void {
  const command = program
    .command('observe')
    .description('print the current state, then every change, until Ctrl-C or the end of the job')
    .argument('[job]', 'id of a job, a prefix of it, or the name of a job (default: all jobs)')
    .option(
      '--count-by <what>',
      'print numbers of tasks instead, for each combination of these: state, appName, jobClusterId, jobId, agentId, label:KEY; separated by commas',
      parseCountBy,
    );
  command.action((job: string | undefined, { countBy }: { readonly countBy?: readonly CountBy[] }) =>
    act(command, (context) =>
      context.withClient((client) =>
        countBy === undefined ? observe(context, client, job) : count(context, client, { job, countBy }),
      ),
    ),
  );
}

async function observe(context: Context, client: BerthClient, given: string | undefined): Promise<number> {
  const options = streamOptions(context);
  const changes =
    given === undefined
      ? client.observeJobs(options)
      : client.observeJob(await resolveJob(client, given), options);
  return printAll(context, changes, (message) => printChange(context, message));
}

async function count(
  context: Context,
  client: BerthClient,
  { job, countBy }: { readonly job: string | undefined; readonly countBy: readonly CountBy[] },
): Promise<number> {
  const filteringCriteria = job === undefined ? {} : { jobIds: await resolveJob(client, job) };
  const counts = client.observeTaskCounts(countBy, { ...streamOptions(context), filteringCriteria });
  return printAll(context, counts, ({ changed }) => printCounts(context, countBy, changed));
}

function parseCountBy(text: string): readonly CountBy[] {
  return text
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '') as CountBy[];
}

function streamOptions({ io }: Context): ObserveOptions {
  return {
    reconnect: 'onceConnected',
    onReconnect: (cause: Error) => io.err(`berth: ${cause.message} Trying again.`),
    onReset: (reason: string) =>
      io.err(`berth: a new snapshot follows, since ${reason}. Jobs and tasks that are not in it are gone.`),
  };
}

/** Prints the values until the stream ends or the user interrupts. */
async function printAll<T>(
  context: Context,
  changes: Observable<T>,
  print: (change: T) => Promise<void>,
): Promise<number> {
  const { forEachValue } = await import('../../session/for-each.js');
  const interrupt = new AbortController();
  const stopListening = context.io.onInterrupt(() => interrupt.abort());
  try {
    await forEachValue(changes, print, interrupt.signal);
    return interrupt.signal.aborted ? exitCodes.interrupted : exitCodes.ok;
  } finally {
    stopListening();
  }
}

async function printCounts(
  context: Context,
  countBy: readonly CountBy[],
  changed: readonly TaskCount[],
): Promise<void> {
  for (const { values, tasks } of changed) {
    if (context.format === 'table') context.io.out(countLine(values, tasks));
    else
      await context.print(
        Object.fromEntries([...countBy.map((by, at) => [by, values[at]]), ['tasks', tasks]]),
      );
  }
}

async function printChange(context: Context, message: JobChangeNotification): Promise<void> {
  if (context.format !== 'table') return context.print(notificationJson(message));
  for (const line of notificationLines(message, context.colorize)) context.io.out(line);
}
