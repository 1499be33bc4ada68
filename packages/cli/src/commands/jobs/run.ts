import type { BerthClient, FollowedJob } from '@berth/client';
import { type Command, CommanderError } from 'commander';
import { exitCodeOfJob, exitCodes } from '../../errors/exit-code.js';
import { reportError } from '../../errors/report-error.js';
import { UsageError } from '../../errors/usage-error.js';
import { addJobInput, createJob, readJob } from '../../job-input/job-input.js';
import type { JobOptions } from '../../job-input/job-options.js';
import type { Act } from '../../session/act.js';
import type { Context } from '../../session/context.js';
import { submit } from './submit.js';

interface RunOptions extends JobOptions {
  readonly detach?: boolean;
  readonly untilRunning?: boolean;
  readonly killOnInterrupt?: boolean;
}

export function addRun(program: Command, act: Act): void {
  const command = program
    .command('run')
    .description('run a job, follow it to its end, and exit with its outcome');
  addJobInput(command)
    .option('-d, --detach', 'print the id and do not follow the job')
    .option('--until-running', 'follow the job only until all its tasks are RUNNING')
    .option('--kill-on-interrupt', 'kill the job on Ctrl-C instead of leaving it running')
    .exitOverride((error) => {
      throw error.exitCode === 0 ? error : new CommanderError(exitCodes.notRun, error.code, error.message);
    })
    .action((image: string | undefined, words: string[], options: RunOptions) =>
      act(command, (context) => run(context, image, words, options)),
    );
}

/** Every reason that keeps the job from an outcome of its own has an exit code of its own. */
async function run(
  context: Context,
  image: string | undefined,
  words: string[],
  options: RunOptions,
): Promise<number> {
  try {
    refuseContradictions(options);
    if (options.detach === true) return await submit(context, image, words, options);
    const own = await readJob(context.io, image, words, options);
    return await context.withClient(async (client) => {
      const { id } = await createJob(client, own, options);
      return followToEnd(context, client, { id, options });
    });
  } catch (error) {
    reportError(error, context.io);
    return exitCodes.notRun;
  }
}

/** Options about following a job contradict --detach. */
function refuseContradictions({ detach, untilRunning, killOnInterrupt }: RunOptions): void {
  const ofFollowing = [
    ...(untilRunning === true ? ['--until-running'] : []),
    ...(killOnInterrupt === true ? ['--kill-on-interrupt'] : []),
  ];
  if (detach === true && ofFollowing.length > 0)
    throw new UsageError(`With -d the job is not followed; leave out ${ofFollowing.join(', ')}.`);
}

interface Running {
  readonly id: string;
  readonly options: RunOptions;
}

async function followToEnd(context: Context, client: BerthClient, { id, options }: Running): Promise<number> {
  const { io } = context;
  const { forEachValue } = await import('../../session/for-each.js');
  const { progressPrinter, allRunning } = await import('./progress.js');
  const print = progressPrinter(context);
  const interrupts = handleInterrupts(context, client, { id, options });
  const stop = new AbortController();
  let exitCode: number | undefined;
  const use = async (view: FollowedJob) => {
    if (view.isFinal) exitCode = exitCodeOfJob(view.job, [...view.tasks.values()]);
    await print(view, exitCode);
    if (options.untilRunning !== true || view.isFinal || !allRunning(view)) return;
    exitCode = exitCodes.ok;
    stop.abort();
  };
  try {
    const onReconnect = (cause: Error) => io.err(`berth: ${cause.message} Trying again.`);
    await forEachValue(
      client.followJob(id, { onReconnect }),
      use,
      AbortSignal.any([stop.signal, interrupts.signal]),
    );
  } catch (error) {
    io.err(`berth: the connection to job ${id} is lost; the job may go on.`);
    throw error;
  } finally {
    interrupts.stop();
  }
  if (interrupts.signal.aborted) printDetached(context, id);
  return interrupts.haveCome() ? exitCodes.interrupted : (exitCode ?? exitCodes.notRun);
}

interface Interrupts {
  /** Aborts when the user no longer wants to follow the job. */
  readonly signal: AbortSignal;
  haveCome(): boolean;
  stop(): void;
}

/**
 * The first Ctrl-C leaves the job running; with --kill-on-interrupt it kills the job and follows it to its
 * end. A second Ctrl-C leaves at once.
 */
function handleInterrupts({ io }: Context, client: BerthClient, { id, options }: Running): Interrupts {
  const detach = new AbortController();
  let count = 0;
  const stop = io.onInterrupt(() => {
    count += 1;
    if (options.killOnInterrupt !== true || count > 1) return detach.abort();
    io.err(`berth: killing job ${id}; Ctrl-C again leaves it.`);
    client.killJob(id).catch((error: unknown) => reportError(error, io));
  });
  return { signal: detach.signal, haveCome: () => count > 0, stop };
}

function printDetached({ io }: Context, id: string): void {
  io.err(`berth: job ${id} goes on without being followed.`);
  io.err(`  look at it:  berth show ${id}`);
  io.err(`  follow it:   berth observe ${id}`);
  io.err(`  end it:      berth kill ${id}`);
}
