import type { JobCalls } from '@berth/client';
import { jobIdOfTask } from '@berth/shared/model/task/task-id';
import { isTerminal, State, stateName } from '@berth/shared/model/task/task-state';
import type { Command } from 'commander';
import { errorReport } from '../../errors/error-text.js';
import { exitCodes } from '../../errors/exit-code.js';
import { stateOf } from '../../format/jobs/job-facts.js';
import { waitsForRetry } from '../../format/jobs/retries.js';
import type { Act } from '../../session/act.js';
import type { Context } from '../../session/context.js';
import { allStates, findAllJobs } from '../../session/listing.js';
import { type ResolvedId, resolve } from '../../session/resolve-id.js';

/** The number of ids that are processed at the same time. */
const concurrency = 8;

/** The result for one id. */
interface KillResult {
  /** The given id if it could not be resolved. */
  readonly id: string;
  readonly kind: ResolvedId['kind'] | 'unknown';
  readonly ok: boolean;
  readonly error?: string;
}

export function addKill(program: Command, act: Act): void {
  const command = program
    .command('kill')
    .description('end jobs or tasks; a task of a service job is replaced')
    .argument('<ids...>', 'ids of jobs or tasks, prefixes of ids, or names of jobs');
  command.action((ids: string[]) =>
    act(command, (context) => context.withCalls((calls) => killAll(context, calls, ids))),
  );
}

/** Attempts every id, also after failures. */
async function killAll(context: Context, calls: JobCalls, ids: readonly string[]): Promise<number> {
  const results: KillResult[] = [];
  const queue = [...new Set(ids)].entries();
  const work = async () => {
    for (const [index, id] of queue) results[index] = await killOne(context, calls, id);
  };
  await Promise.all(Array.from({ length: concurrency }, work));
  if (context.format === 'table') printResults(context, results);
  else await context.printAll(results);
  return results.every(({ ok }) => ok) ? exitCodes.ok : exitCodes.failed;
}

async function killOne(context: Context, calls: JobCalls, given: string): Promise<KillResult> {
  let target: ResolvedId | undefined;
  try {
    target = await resolve(calls, given);
    // The gateway silently ignores the kill of an ended job or task.
    const state = await stateNow(calls, target);
    if (isTerminal(state) && !(await endsSlot(calls, target, context.io.nowMs()))) {
      const error = `The ${target.kind} has ended already: it is ${stateName(state)}.`;
      return { ...target, ok: false, error };
    }
    await (target.kind === 'job' ? calls.killJob(target.id) : calls.killTask(target.id));
    return { ...target, ok: true };
  } catch (error) {
    const [first = '', ...rest] = errorReport(error).lines;
    const text = [first.replace(/^berth: /, ''), ...rest.map((line) => line.trim())].join(' ');
    return { id: target?.id ?? given, kind: target?.kind ?? 'unknown', ok: false, error: text };
  }
}

/** True if the kill of this ended task has an effect: its slot waits for another attempt. */
async function endsSlot(calls: JobCalls, { kind, id }: ResolvedId, nowMs: number): Promise<boolean> {
  if (kind === 'job') return false;
  const job = await calls.findJob(jobIdOfTask(id));
  const task = job.tasks.find((one) => one.id === id);
  return task !== undefined && waitsForRetry(task, job, nowMs);
}

async function stateNow(calls: JobCalls, { kind, id }: ResolvedId): Promise<State> {
  if (kind === 'task') return stateOf(await calls.findTask(id));
  // A job can have very many tasks. So the list leaves them out.
  const wanted = { states: allStates, criteria: { jobIds: id }, fields: ['id', 'jobState', 'stateChanges'] };
  const listed = (await findAllJobs(calls, wanted)).find((job) => job.id === id);
  const { jobState } = listed ?? (await calls.findJob(id));
  return jobState?.state ?? State.QUEUED;
}

function printResults({ io, colorize }: Context, results: readonly KillResult[]): void {
  for (const { id, kind, ok, error } of results) {
    if (ok) io.out(`${id}  ${kind} is being killed`);
    else io.err(`${id}  ${colorize('red', 'not killed')}: ${error}`);
  }
}
