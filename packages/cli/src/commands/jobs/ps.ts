import type { JobCalls } from '@berth/client';
import type { Job, Task } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { findState, isTerminal, type State } from '@berth/shared/model/task/task-state';
import { type Command, InvalidArgumentError } from 'commander';
import { exitCodes } from '../../errors/exit-code.js';
import { UsageError } from '../../errors/usage-error.js';
import { stateOf } from '../../format/jobs/job-facts.js';
import { jobJson, taskJson } from '../../format/jobs/json.js';
import { retryText } from '../../format/jobs/retries.js';
import { jobHeadings, jobRow, taskTable } from '../../format/jobs/rows.js';
import { listOption } from '../../job-input/job-input.js';
import { splitLabel } from '../../job-input/job-options.js';
import type { Act } from '../../session/act.js';
import { hostAddresses } from '../../session/agent-hosts.js';
import type { Context } from '../../session/context.js';
import { allStates, findAllJobs, findAllTasks, listedJobFields, liveStates } from '../../session/listing.js';
import { clusterNames } from '../../session/resolve-cluster.js';
import { resolveJob } from '../../session/resolve-id.js';
import { oneLine, renderTable, type TableCell } from '../../terminal/table.js';

interface PsOptions {
  readonly all?: boolean;
  readonly label?: readonly string[];
  readonly state?: readonly State[];
}

export function addPs(program: Command, act: Act): void {
  const command = program
    .command('ps')
    .description('list the jobs of the cell, or the tasks of one job')
    .argument('[job]', 'id of a job, a prefix of it, or the name of a job')
    .option('-a, --all', 'also ended jobs and tasks')
    .addOption(
      listOption(
        '-l, --label <name[=value]>',
        'only jobs with this label; may be repeated, then all must match',
      ),
    )
    .addOption(
      listOption('-s, --state <state>', 'only jobs or tasks in this state; may be repeated', parseState),
    );
  command.action((job: string | undefined, options: PsOptions) =>
    act(command, (context) =>
      job === undefined ? listJobs(context, options) : listTasks(context, job, options),
    ),
  );
}

async function listJobs(context: Context, options: PsOptions): Promise<number> {
  const isTable = context.format === 'table';
  const wanted = {
    states: wantedStates(options),
    criteria: labelCriteria(options.label ?? []),
    ...(isTable ? { fields: listedJobFields } : {}),
  };
  const { jobs, clusters } = await context.withCalls(async (calls) => {
    const found = await findAllJobs(calls, wanted);
    if (!isTable) return { jobs: found, clusters: new Map<string, string>() };
    return { jobs: await withRetryTimes(context, calls, found), clusters: await clusterNames(calls, found) };
  });
  const nowMs = context.io.nowMs();
  return printList(context, {
    headings: jobHeadings,
    rows: jobs.map((job) => jobRow(job, nowMs, clusters)),
    json: () => jobs.map(jobJson),
  });
}

/** The maximum number of jobs for which the times of their retries are asked. */
const maxRetried = 20;

/** The list leaves the histories of tasks out. They are needed only for jobs that wait for a retry. */
async function withRetryTimes(
  context: Context,
  calls: JobCalls,
  jobs: readonly Job[],
): Promise<readonly Job[]> {
  const retried = jobs.filter((job) => retryText(job, job.tasks, context.io.nowMs()) !== '');
  const ids = new Set(retried.slice(0, maxRetried).map(({ id }) => id));
  const complete = async (job: Job) => {
    // The job may have ended and gone in the meantime.
    const whole = await calls.findJob(job.id).catch(() => job);
    return { ...job, tasks: whole.tasks };
  };
  return Promise.all(jobs.map((job) => (ids.has(job.id) ? complete(job) : job)));
}

async function listTasks(context: Context, given: string, options: PsOptions): Promise<number> {
  if (options.label !== undefined)
    throw new UsageError('Tasks have no labels: --label is for lists of jobs.');
  const { job, tasks, addresses } = await context.withAgents(async (calls) => {
    const id = await resolveJob(calls, given);
    const all = await findAllTasks(calls, id);
    return { job: await calls.findJob(id), tasks: all, addresses: await hostAddresses(calls, all) };
  });
  const shown = tasksToShow(job, tasks, options);
  const nowMs = context.io.nowMs();
  if (context.format === 'table' && shown.length === 0) {
    const retry = retryText(job, tasks, nowMs);
    if (retry !== '') context.io.err(`berth: no task is live: ${oneLine(retry)}`);
  }
  return printList(context, {
    ...taskTable(shown, nowMs, { addresses, all: tasks }),
    json: () => shown.map(taskJson),
  });
}

/** Returns the live tasks of a live job. If the job has no live tasks, it returns all of them. */
function tasksToShow(job: Job, tasks: readonly Task[], options: PsOptions): readonly Task[] {
  const hasEnded = isTerminal(job.jobState?.state ?? 0);
  const states = options.state === undefined && hasEnded ? allStates : wantedStates(options);
  return tasks.filter((task) => states.includes(stateOf(task)));
}

interface List {
  readonly headings: readonly string[];
  readonly rows: readonly (readonly TableCell[])[];
  readonly json: () => unknown;
}

async function printList(context: Context, { headings, rows, json }: List): Promise<number> {
  if (context.format !== 'table') await context.printAll(json());
  else for (const line of renderTable(headings, rows, context.colorize)) context.io.out(line);
  return exitCodes.ok;
}

function wantedStates({ all, state }: PsOptions): readonly State[] {
  if (state !== undefined) return [...new Set(state)].sort((a, b) => a - b);
  return all === true ? allStates : liveStates;
}

/** The API separates labels with commas. So no label can hold one. */
function labelCriteria(labels: readonly string[]): Record<string, string> {
  if (labels.length === 0) return {};
  const pairs = labels.map((label) => {
    if (label.includes(','))
      throw new UsageError(`--label ${label}: labels with a comma cannot be searched.`);
    const [name, value] = splitLabel(label);
    return label.includes('=') ? `${name}:${value}` : name;
  });
  return { labels: pairs.join(',') };
}

function parseState(text: string): State {
  const state = findState(text);
  if (state === undefined) {
    throw new InvalidArgumentError('It must be QUEUED, DISPATCHED, STARTING, RUNNING, FINISHED or FAILED.');
  }
  return state;
}
