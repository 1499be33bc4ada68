import { CellMirror } from '@berth/api/testing/cell-mirror';
import { CellWatcher } from '@berth/api/testing/cell-watcher';
import { aServiceJob } from '@berth/api/testing/fixtures';
import { ModelSubscriber } from '@berth/api/testing/model-subscriber';
import {
  clusterWrite,
  jobWrite,
  moveWrite,
  type Step,
  statusWrite,
  taskWrite,
  writesOf,
} from '@berth/api/testing/scripted-cell';
import { BerthClient } from '@berth/client';
import { ObserveResponse_Change } from '@berth/shared/gen/berth/v1/observe_service';
import {
  JobChangeNotification,
  JobClusterId,
  JobId,
  JobManagementServiceService as methods,
} from '@berth/shared/gen/netflix/titus/titus_job_api';
import { isJobLive } from '@berth/shared/model/job/job';
import { State } from '@berth/shared/model/task/task-state';
import { type CellStore, openStore, type Write } from '@berth/store';
import { Replica } from '@berth/store/replica';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ClusterSubscriber } from '../support/callers/cluster-subscriber.js';
import { ReopenedStream } from '../support/callers/reopened-stream.js';
import { GatewayProcess, isGatewayBuilt } from '../support/cells/gateway-process.js';
import { skipRedisTests, startTestRedis, type TestRedis } from '../support/process/redis.js';
import { waitFor } from '../support/process/wait-for.js';

const cell = 'test';
/** Short enough that the log loses the changes of the time without a gateway. */
const logLength = 300;
const patience = { timeoutMs: 60_000 };
const steady = 'steady';
const acts: readonly Step['act'][] = [
  ...(['create', 'addTask', 'addTask', 'move', 'move', 'move'] as const),
  ...(['redefine', 'kill', 'touch', 'finish', 'remove'] as const),
];

let redis: TestRedis;
let store: CellStore;
/** The state that every subscriber should have in the end. */
let truth: Replica;
let gateways: readonly GatewayProcess[];
const closers: (() => void)[] = [];

beforeEach(async () => {
  redis = await startTestRedis();
  store = await openStore({ url: redis.url, cell, logLength });
  truth = await Replica.start(store.openLogReader({ follows: true }));
  const env = { BERTH_REDIS_URL: redis.url, BERTH_CELL: cell };
  gateways = await Promise.all([GatewayProcess.create(env), GatewayProcess.create(env)]);
  await Promise.all(gateways.map((gateway) => gateway.start()));
}, 120_000);
afterEach(async () => {
  for (const close of closers.splice(0)) close();
  await Promise.all(gateways.map((gateway) => gateway.kill()));
  await truth.close();
  await store.close();
  await redis.stop();
});

async function commit(...writes: readonly Write[]): Promise<number> {
  const result = await store.commit({ actor: 'master', writes });
  if (!result.ok) throw new Error(JSON.stringify(result));
  await truth.waitFor(result.revision, 20_000);
  return result.revision;
}

let steps = 0;
/** So many random commits, and something of the steady job, and of a cluster, among them. */
async function live(commits: number, random: () => number): Promise<void> {
  for (let made = 0; made < commits; steps += 1) {
    const act = acts[Math.floor(random() * acts.length)] ?? 'move';
    const job = Math.floor(steps / 12) + Math.floor(random() * 12);
    const writes = [...writesOf({ act, job, task: Math.floor(random() * 6) }, truth)];
    if (steps % 7 === 0) writes.push(taskWrite(`${steady}.${steps}-0`));
    if (steps % 11 === 0)
      writes.push(
        clusterWrite('c1', {
          descriptor: { name: `c1 at ${steps}`, clusterSpec: { $case: 'batch', value: {} } },
        }),
      );
    if (writes.length === 0) continue;
    await commit(...writes);
    made += 1;
  }
}

/** Numbers from 0 to 1 that a seed decides (a linear congruential generator). */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

const addresses = () => gateways.map(({ address }) => address);

function reopened<M extends ModelSubscriber | ClusterSubscriber>(
  { path }: { readonly path: string },
  newModel: () => M,
  request: Uint8Array = new Uint8Array(),
): ReopenedStream<M> {
  const stream = new ReopenedStream({
    addresses: addresses(),
    path,
    request: Buffer.from(request),
    newModel,
  });
  closers.push(() => stream.close());
  return stream;
}

/**
 * The stream of berth.v1 without the client library. The test resumes it at the next gateway after each
 * loss.
 */
class ResumedWatcher {
  readonly mirror = new CellMirror();
  #watcher: CellWatcher | undefined;
  #isPaused = false;
  #streams = 0;
  #isClosed = false;
  #violation: unknown;

  constructor() {
    this.#open();
    void this.#follow();
    closers.push(() => this.close());
  }

  get violation(): unknown {
    return this.#violation ?? this.#watcher?.violation;
  }

  pause(): void {
    this.#isPaused = true;
    this.#watcher?.pause();
  }

  resume(): void {
    this.#isPaused = false;
    this.#watcher?.resume();
  }

  close(): void {
    this.#isClosed = true;
    this.#watcher?.close();
  }

  /** Opens the stream again whenever it has ended. */
  async #follow(): Promise<void> {
    const timeoutMs = Number.POSITIVE_INFINITY;
    while (!this.#isClosed) {
      const isLost = () => this.#isClosed || (this.#watcher?.code !== undefined && !this.#isPaused);
      await waitFor(isLost, { what: 'the stream has ended', timeoutMs });
      if (this.#isClosed) return;
      this.#violation ??= this.#watcher?.violation;
      this.#watcher?.close();
      this.#open();
    }
  }

  #open(): void {
    const resumeFrom = this.mirror.position === undefined ? undefined : this.mirror.resume();
    if (resumeFrom === undefined) this.mirror.restart();
    const address = addresses()[this.#streams % gateways.length] ?? '';
    this.#streams += 1;
    const subscription = { bookmarkIntervalMs: 100, ...(resumeFrom && { resumeFrom }) };
    this.#watcher = new CellWatcher(address, subscription, this.mirror);
  }
}

/** All jobs as the client library tells them: a snapshot after the first one begins everything anew. */
class LibrarySubscriber {
  model = new ModelSubscriber();
  beginnings = 1;
  readonly violations: unknown[] = [];

  readonly next = (message: JobChangeNotification): void => {
    const { notification } = message;
    const isSnapshot = notification?.$case === 'jobSnapshot' || notification?.$case === 'snapshotEnd';
    if (isSnapshot && this.model.isLive) {
      this.model = new ModelSubscriber();
      this.beginnings += 1;
    }
    try {
      this.model.receive(JobChangeNotification.encode(message).finish());
    } catch (error) {
      this.violations.push(error);
    }
  };
}

function expectJobs(model: ModelSubscriber): void {
  for (const { id, record } of truth.all('job')) {
    if (!isJobLive(truth.find('jobStatus', id)?.record)) continue;
    expect(model.jobs.get(id)).toMatchObject({ isFinished: false, descriptor: record.descriptor });
    expect(Object.fromEntries(model.jobs.get(id)?.tasks ?? [])).toEqual(
      Object.fromEntries(truth.tasksOf(id).map((task) => [task.id, task.record.task])),
    );
  }
  for (const [id, { isFinished }] of model.jobs)
    expect(isFinished).toBe(
      truth.find('job', id) === undefined || !isJobLive(truth.find('jobStatus', id)?.record),
    );
}

function liveJobIds(): readonly string[] {
  return Array.from(truth.all('job'), ({ id }) => id)
    .filter((id) => isJobLive(truth.find('jobStatus', id)?.record))
    .toSorted();
}

/** Tasks and jobs as a picture of the whole cell has them. */
function pictureOf(mirror: CellMirror): readonly string[] {
  return [...mirror.entities.values()]
    .filter((change) => change.$case === 'task' || change.$case === 'job')
    .map((change) => JSON.stringify(ObserveResponse_Change.toJSON({ change })))
    .toSorted();
}

function truePicture(): readonly string[] {
  const jobs = Array.from(truth.all('job'), ({ record }) => ({ $case: 'job' as const, value: record }));
  const tasks = Array.from(truth.all('task'), ({ record }) =>
    record.task === undefined ? [] : [{ $case: 'task' as const, value: record.task }],
  ).flat();
  return [...jobs, ...tasks]
    .map((change) => JSON.stringify(ObserveResponse_Change.toJSON({ change })))
    .toSorted();
}

describe.skipIf(skipRedisTests !== false || !isGatewayBuilt)(
  'subscribers of gateways that are killed',
  () => {
    it('get the true state from every stream, while they stall, the log is trimmed and Redis restarts', async () => {
      const seed = Math.floor(Math.random() * 2 ** 31);
      console.info(`seed ${seed}`);
      const random = randomFrom(seed);
      await commit(jobWrite(steady), clusterWrite('c1'), taskWrite(`${steady}.0-0`));
      await live(40, random);

      const ofJobs = reopened(methods.observeJobs, () => new ModelSubscriber());
      const ofJob = reopened(
        methods.observeJob,
        () => new ModelSubscriber(),
        JobId.encode({ id: steady }).finish(),
      );
      const ofClusters = reopened(methods.observeJobClusters, () => new ClusterSubscriber());
      const ofCluster = reopened(
        methods.observeJobCluster,
        () => new ClusterSubscriber(),
        JobClusterId.encode({ id: 'default' }).finish(),
      );
      const ofCell = new ResumedWatcher();
      const client = BerthClient.connect({ addresses: addresses() });
      closers.push(() => client.close());
      const [library, mirror] = [new LibrarySubscriber(), new CellMirror()];
      const libraryErrors: unknown[] = [];
      const error = (failure: unknown) => libraryErrors.push(failure);
      const observed = client.observe({
        onReconnect: () => (mirror.position === undefined ? mirror.restart() : mirror.resume()),
      });
      const subscriptions = [
        client.observeJobs({ reconnect: true }).subscribe({ next: library.next, error }),
        observed.subscribe({
          next: (response) => {
            try {
              mirror.receive({ response });
            } catch (violation) {
              libraryErrors.push(violation);
            }
          },
          error,
        }),
      ];
      closers.push(() => {
        for (const subscription of subscriptions) subscription.unsubscribe();
      });
      const seeds = [ofJobs, ofJob, ofClusters, ofCluster];
      const stallers = [...seeds, ofCell];
      const allLive = () =>
        seeds.every(({ model }) => model.isLive) &&
        ofCell.mirror.isLive &&
        mirror.isLive &&
        library.model.isLive;
      await waitFor(allLive, { what: 'all streams are live', ...patience });

      for (let round = 0; round < 4; round += 1) {
        const staller = stallers[Math.floor(random() * stallers.length)];
        staller?.pause();
        await live(30, random);
        const victim = gateways[round % 2];
        await victim?.kill();
        await live(30, random);
        if (round === 1) await redis.restart();
        if (round === 2) {
          // Nobody can be reached while more happens than the log keeps.
          await gateways[(round + 1) % 2]?.kill();
          await live(logLength * 2, random);
          await gateways[(round + 1) % 2]?.start();
        }
        await victim?.start();
        staller?.resume();
        await live(10, random);
      }
      const ends = truth.tasksOf(steady).map(({ record }) => moveWrite(record, State.FINISHED, 'killed'));
      await commit(statusWrite(steady, State.FINISHED, 'killed'), ...ends);
      const end = await commit(
        jobWrite('the-last', { descriptor: aServiceJob() }),
        clusterWrite('c1', { descriptor: { name: 'the last', clusterSpec: { $case: 'batch', value: {} } } }),
      );

      await waitFor(() => ofJobs.model.jobs.has('the-last'), { what: 'ObserveJobs has it all', ...patience });
      await waitFor(() => ofJob.hasEnded, { what: 'ObserveJob has ended', ...patience });
      await waitFor(() => ofClusters.model.liveJobs.has('the-last'), {
        what: 'ObserveJobClusters has it all',
        ...patience,
      });
      await waitFor(() => ofClusters.model.clusters.get('c1')?.descriptor?.name === 'the last', {
        what: 'so has its cluster',
        ...patience,
      });
      await waitFor(() => ofCluster.model.liveJobs.has('the-last'), {
        what: 'ObserveJobCluster has it all',
        ...patience,
      });
      await waitFor(() => ofCell.violation !== undefined || ofCell.mirror.position?.revision === end, {
        what: 'berth.v1 has it all',
        ...patience,
      });
      await waitFor(() => library.model.jobs.has('the-last'), {
        what: 'the library has it all',
        ...patience,
      });
      await observed.checkpoint();

      expect(seeds.flatMap(({ violations }) => violations)).toEqual([]);
      expect([ofCell.violation, ...library.violations, ...libraryErrors]).toEqual([undefined]);
      for (const { streams } of seeds) expect(streams).toBeGreaterThan(1);
      expectJobs(ofJobs.model);
      expectJobs(library.model);
      expect(ofJob.model.jobs.get(steady)?.isFinished).toBe(true);
      expect([...ofClusters.model.liveJobs].toSorted()).toEqual(liveJobIds());
      expect([...ofCluster.model.liveJobs].toSorted()).toEqual(liveJobIds());
      expect(pictureOf(ofCell.mirror)).toEqual(truePicture());
      expect(pictureOf(mirror)).toEqual(truePicture());
      // If the log reaches back far enough, nothing is reset. At least once it did not.
      expect(mirror.resets).toBeGreaterThan(0);
      expect(mirror.resets).toBeLessThanOrEqual(2);
      expect(library.beginnings).toBeLessThanOrEqual(3);
    }, 240_000);
  },
);
