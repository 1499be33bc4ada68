import { type BerthClient, type FollowedJob, State, stateName, type Task } from '@berth/client';
import {
  filter,
  firstValueFrom,
  fromEvent,
  type Observable,
  ReplaySubject,
  share,
  takeUntil,
  tap,
  timeout,
} from 'rxjs';
import { batchJob, type DemoJob, serviceJob, serviceSize } from './demo-jobs.js';

/** The demo takes seconds, since it pulls no image. A longer time means that something is wrong. */
const stepTimeoutMs = 120_000;

/** The context entry of a replacement with the id of the replaced task. */
const resubmitOf = 'task.resubmitOf';

interface DemoOptions {
  readonly client: BerthClient;
  readonly image: string;
  /** Prints one line of progress. */
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

/** A job of the demo with the only stream that follows it. */
interface WatchedJob {
  readonly id: string;
  readonly name: string;
  readonly views: Observable<FollowedJob>;
}

/**
 * Shows a cell at work through its public API: a batch job runs to its end; a service job loses a task and
 * gets another one. Returns the id of the service job, which goes on. Rejects if the cell behaves otherwise.
 */
export async function runDemo(options: DemoOptions): Promise<string> {
  const batch = await submit(batchJob(options.image), options);
  const service = await submit(serviceJob(options.image), options);
  // Both streams stay open from here on. Waiting code receives their failures.
  const watching = [batch, service].map((job) => job.views.subscribe({ error: () => undefined }));
  try {
    await Promise.all([untilFinished(batch, options), untilRunning(service)]);
    await replaceTask(service, options);
    return service.id;
  } finally {
    for (const subscription of watching) subscription.unsubscribe();
  }
}

async function submit({ name, about, descriptor }: DemoJob, options: DemoOptions): Promise<WatchedJob> {
  const { client, say, signal } = options;
  const { id } = await client.createJob(descriptor, { signal });
  say(`${name}: created, ${about} (${id})`);
  const views = client.followJob(id, { reconnect: true }).pipe(
    takeUntil(fromEvent(signal, 'abort')),
    tap((view) => linesOf(view).forEach((line) => void say(`${name}: ${line}`))),
    share({ connector: () => new ReplaySubject(1), resetOnRefCountZero: true }),
  );
  return { id, name, views };
}

/** The first view of a job describes all its tasks; a later one describes the changed task. */
function linesOf({ changed, tasks, isFinal }: FollowedJob): string[] {
  if (isFinal) return [];
  return (changed === undefined ? [...tasks.values()] : [changed]).map(describeTask);
}

/** Describes a task in a line: its own part of the id, its state, and the reason if there is one. */
export function describeTask(task: Task): string {
  const own = task.id.slice(task.id.indexOf('.') + 1);
  const state = stateName(stateOf(task)).padEnd('DISPATCHED'.length);
  const replaced = task.taskContext[resubmitOf];
  const instead = replaced === undefined ? '' : `  replaces ${replaced.slice(replaced.indexOf('.') + 1)}`;
  return `task ${own}  ${state}  ${task.state?.reason ?? ''}${instead}`.trimEnd();
}

async function untilFinished({ name, views }: WatchedJob, { say }: DemoOptions): Promise<void> {
  const end = await firstThat(views, (view) => view.isFinal, `${name} to finish`);
  say(`${name}: the job is ${stateName(end.state)}`);
  if (end.state !== State.FINISHED) {
    throw new Error(
      `${name} ended ${stateName(end.state)}: ${end.job.jobState?.reason ?? 'no reason was given'}`,
    );
  }
}

async function untilRunning({ name, views }: WatchedJob): Promise<void> {
  const allRun = (view: FollowedJob) => running(view).length >= serviceSize;
  await firstThat(views, allRun, `the tasks of ${name} to run`);
}

async function replaceTask({ name, views }: WatchedJob, { client, say, signal }: DemoOptions): Promise<void> {
  const [victim] = running(await firstThat(views, (view) => running(view).length > 0, `a task of ${name}`));
  if (victim === undefined) throw new Error(`${name} has no task that runs`);
  say(`${name}: killing ${victim.id}`);
  await client.killTask(victim.id, { signal });
  const replacementOf = (view: FollowedJob) =>
    running(view).find((task) => task.taskContext[resubmitOf] === victim.id);
  const replaced = (view: FollowedJob) => replacementOf(view) !== undefined;
  await firstThat(views, replaced, `a replacement for ${victim.id} to run`);
  say(`${name}: its replacement is RUNNING`);
}

function running({ tasks }: FollowedJob): Task[] {
  return [...tasks.values()].filter((task) => stateOf(task) === State.RUNNING);
}

function stateOf(task: Task): State {
  return task.state?.state ?? State.QUEUED;
}

function firstThat(
  views: Observable<FollowedJob>,
  holds: (view: FollowedJob) => boolean,
  what: string,
): Promise<FollowedJob> {
  const tooLate = () => {
    throw new Error(`waited ${stepTimeoutMs / 1000} s for ${what}`);
  };
  return firstValueFrom(views.pipe(filter(holds), timeout({ first: stepTimeoutMs, with: tooLate })));
}
