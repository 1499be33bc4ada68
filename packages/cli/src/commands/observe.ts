import type { BerthClient } from '@berth/client/berth-client';
import type { JobChangeNotification } from '@berth/shared/gen/netflix/titus/titus_job_api';
import type { Command } from 'commander';
import type { Context } from '../context.js';
import { notificationLines } from '../format/event-line.js';
import { exitCodes } from '../format/exit-code.js';
import { notificationJson } from '../format/json.js';
import type { Act } from '../program.js';
import { resolveJob } from '../resolve-id.js';

export function addObserve(program: Command, act: Act): void {
  const command = program
    .command('observe')
    .description('print how things stand, then every change, until Ctrl-C or until the job has ended')
    .argument('[job]', 'id of a job, or its beginning (default: all jobs)');
  command.action((job: string | undefined) =>
    act(command, (context) => context.withClient((client) => observe(context, client, job))),
  );
}

async function observe(context: Context, client: BerthClient, given: string | undefined): Promise<number> {
  const options = {
    reconnect: 'onceConnected',
    onReconnect: (cause: Error) => context.io.err(`berth: ${cause.message} Trying again.`),
  } as const;
  const changes =
    given === undefined
      ? client.observeJobs(options)
      : client.observeJob(await resolveJob(client, given), options);
  const { consume } = await import('../consume.js');
  const interrupt = new AbortController();
  const stopListening = context.io.onInterrupt(() => interrupt.abort());
  try {
    await consume(changes, (message) => printChange(context, message), interrupt.signal);
    return interrupt.signal.aborted ? exitCodes.interrupted : exitCodes.ok;
  } finally {
    stopListening();
  }
}

async function printChange(context: Context, message: JobChangeNotification): Promise<void> {
  if (context.format !== 'table') return context.print(notificationJson(message));
  for (const line of notificationLines(message, context.paint)) context.io.out(line);
}
