import { labelNames } from '@berth/agent/labels';
import { type BerthClient, type JobChangeNotification, State, type Task } from '@berth/client';
import type Docker from 'dockerode';
import { filter, firstValueFrom, mergeMap, type Observable, Subject, tap, timeout } from 'rxjs';
import { waitFor } from '../../support/process/wait-for.js';
import type { LaunchTimes } from './times.js';
import { sleepJob } from './workload.js';

const launchTimeoutMs = 180_000;

/**
 * Submits one job of `count` tasks and watches it until all of them run, then kills it and waits until its
 * containers are gone.
 */
export async function launchBerth(
  client: BerthClient,
  docker: Docker,
  image: string,
  count: number,
): Promise<LaunchTimes> {
  const runningAtMs = new Map<string, number>();
  const beganMs = performance.now();
  const { id } = await client.createJob(sleepJob(image, count));
  const allRun$ = client.observeJob(id).pipe(
    mergeMap(runningTasks),
    tap((task) => runningAtMs.set(task.id, performance.now() - beganMs)),
    filter(() => runningAtMs.size === count),
    timeout({ first: launchTimeoutMs }),
  );
  try {
    await firstValueFrom(allRun$);
  } finally {
    await killAndClear(client, docker, id);
  }
  const times = [...runningAtMs.values()];
  return { firstMs: Math.min(...times), lastMs: Math.max(...times) };
}

/** When each task was first received as RUNNING, on a stream of all jobs that is open before there is any. */
export class RunningWatch {
  readonly #running = new Subject<Task>();
  readonly #atMs = new Map<string, number>();
  readonly #stop: () => void;

  /** Resolves once the stream's snapshot has been received. */
  static async open(client: BerthClient): Promise<RunningWatch> {
    const messages$ = client.observeJobs();
    return new Promise((resolve, reject) => {
      const watch: RunningWatch = new RunningWatch(messages$, {
        ready: () => resolve(watch),
        failed: reject,
      });
    });
  }

  private constructor(
    messages$: Observable<JobChangeNotification>,
    on: { ready(): void; failed(error: unknown): void },
  ) {
    const subscription = messages$.subscribe({
      next: (message) => {
        const nowMs = performance.now();
        if (message.notification?.$case === 'snapshotEnd') queueMicrotask(on.ready);
        for (const task of runningTasks(message)) {
          if (!this.#atMs.has(task.id)) this.#atMs.set(task.id, nowMs);
          this.#running.next(task);
        }
      },
      error: (error: unknown) => {
        on.failed(error);
        this.#running.error(error);
      },
    });
    this.#stop = () => subscription.unsubscribe();
  }

  /** The first RUNNING task of the job, and when it was received. */
  async firstOf(jobId: string): Promise<{ taskId: string; atMs: number }> {
    const isOfJob = (taskId: string) => taskId.startsWith(`${jobId}.`);
    const known = [...this.#atMs.keys()].find(isOfJob);
    const next = this.#running.pipe(
      filter((task) => isOfJob(task.id)),
      timeout({ first: launchTimeoutMs }),
    );
    const taskId = known ?? (await firstValueFrom(next)).id;
    return { taskId, atMs: this.#atMs.get(taskId) ?? Number.NaN };
  }

  close(): void {
    this.#stop();
  }
}

/** The times of one job of one task, in ms from the call of CreateJob. */
export interface SingleLaunch {
  readonly answeredMs: number;
  readonly runningMs: number;
  readonly taskId: string;
}

/** Submits a job of one task, waits for its RUNNING, and clears it away. */
export async function launchSingle(
  { client, watch }: { client: BerthClient; watch: RunningWatch },
  docker: Docker,
  image: string,
): Promise<SingleLaunch> {
  const beganMs = performance.now();
  const { id } = await client.createJob(sleepJob(image, 1));
  const answeredMs = performance.now() - beganMs;
  const { taskId, atMs } = await watch.firstOf(id);
  await killAndClear(client, docker, id);
  return { answeredMs, runningMs: atMs - beganMs, taskId };
}

function runningTasks({ notification }: JobChangeNotification): readonly Task[] {
  const tasks = notification?.$case === 'jobSnapshot' ? (notification.value.job?.tasks ?? []) : [];
  const updated = notification?.$case === 'taskUdate' ? notification.value.task : undefined;
  return [...tasks, ...(updated === undefined ? [] : [updated])].filter(
    (task) => task.state?.state === State.RUNNING,
  );
}

async function killAndClear(client: BerthClient, docker: Docker, id: string): Promise<void> {
  await client.killJob(id);
  const filters = { label: [`${labelNames.job}=${id}`] };
  await waitFor(async () => (await docker.listContainers({ all: true, filters })).length === 0, {
    what: `the containers of job ${id} are gone`,
    intervalMs: 250,
    timeoutMs: launchTimeoutMs,
  });
}
