import { gatewayConfigSchema } from '@berth/api/config';
import { type Gateway, startGateway } from '@berth/api/gateway';
import { CellMirror } from '@berth/api/testing/cell-mirror';
import { CellWatcher } from '@berth/api/testing/cell-watcher';
import { ModelSubscriber } from '@berth/api/testing/model-subscriber';
import { jobWrite, type Step, writesOf } from '@berth/api/testing/scripted-cell';
import { BerthClient } from '@berth/client';
import { ObservedKind, ObserveResponse_Change } from '@berth/shared/gen/berth/v1/observe_service';
import { JobChangeNotification } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { isJobLive } from '@berth/shared/model/job/job';
import { parseConfig } from '@berth/shared/process/config';
import { silentLogger } from '@berth/shared/process/logger';
import { type CellStore, openStore } from '@berth/store';
import { Replica } from '@berth/store/replica';
import type { Subscription } from 'rxjs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type CuttableProxy, startCuttableProxy } from '../support/process/cuttable-proxy.js';
import { skipRedisTests, startTestRedis, type TestRedis } from '../support/process/redis.js';
import { waitFor } from '../support/process/wait-for.js';

const cell = 'test';
const acts: readonly Step['act'][] = [
  ...(['create', 'addTask', 'addTask', 'move', 'move', 'move'] as const),
  ...(['redefine', 'kill', 'touch', 'finish', 'remove'] as const),
];

interface Running {
  readonly gateway: Gateway;
  readonly store: CellStore;
}

/** A cell without a master: the test itself commits the changes. Two gateways, each behind a proxy. */
class Scene {
  readonly redis: TestRedis;
  readonly store: CellStore;
  /** The state that every subscriber should have in the end. */
  readonly truth: Replica;
  readonly proxies: CuttableProxy[] = [];
  readonly #gateways: Running[] = [];
  readonly #logLength: number;
  #steps = 0;

  static async start(logLength = 100_000): Promise<Scene> {
    const redis = await startTestRedis();
    const store = await openStore({ url: redis.url, cell, logLength });
    const scene = new Scene(
      redis,
      store,
      await Replica.start(store.openLogReader({ follows: true })),
      logLength,
    );
    for (const index of [0, 1]) {
      const port = await scene.startGateway(index);
      scene.proxies.push(await startCuttableProxy(port));
    }
    return scene;
  }

  private constructor(redis: TestRedis, store: CellStore, truth: Replica, logLength: number) {
    this.redis = redis;
    this.store = store;
    this.truth = truth;
    this.#logLength = logLength;
  }

  async startGateway(index: number): Promise<number> {
    const freePort = '127.0.0.1:0';
    // Streams go on at gateways of either kind.
    const tuning = { BERTH_API_TUNING: index % 2 === 0 ? 'on' : 'off' };
    const ports = { BERTH_API_GRPC: freePort, BERTH_API_JOBV1: freePort, BERTH_API_HTTP: freePort };
    const env = { ...ports, ...tuning };
    const store = await openStore({ url: this.redis.url, cell, logLength: this.#logLength });
    const config = parseConfig(gatewayConfigSchema, env);
    const gateway = await startGateway({ config, store, log: silentLogger });
    this.#gateways[index] = { gateway, store };
    const proxy = this.proxies[index];
    if (proxy !== undefined) proxy.target = gateway.grpcPort;
    return gateway.grpcPort;
  }

  async stopGateway(index: number): Promise<void> {
    const running = this.#gateways[index];
    await running?.gateway.close();
    await running?.store.close();
  }

  async commit(...writes: Parameters<CellStore['commit']>[0]['writes'][number][]): Promise<number> {
    const result = await this.store.commit({ actor: 'master', writes });
    if (!result.ok) throw new Error(JSON.stringify(result));
    await this.truth.waitFor(result.revision, 20_000);
    return result.revision;
  }

  /** So many random commits. */
  async live(commits: number, random: () => number): Promise<void> {
    for (let made = 0; made < commits; ) {
      const act = acts[Math.floor(random() * acts.length)] ?? 'move';
      // New jobs keep coming: those of old are over some day.
      const job = Math.floor(this.#steps / 12) + Math.floor(random() * 12);
      this.#steps += 1;
      const writes = writesOf({ act, job, task: Math.floor(random() * 6) }, this.truth);
      if (writes.length === 0) continue;
      await this.commit(...writes);
      made += 1;
    }
  }

  async close(): Promise<void> {
    for (const proxy of this.proxies) await proxy.close();
    for (const index of [0, 1]) await this.stopGateway(index);
    await this.truth.close();
    await this.store.close();
    await this.redis.stop();
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

/** Returns the entities of the true state, in the form of the stream. */
function entitiesOf(view: Replica): ReadonlyMap<string, unknown> {
  const entries: [string, unknown][] = [];
  const put = (kind: ObservedKind, id: string, change: ObserveResponse_Change['change']) =>
    entries.push([`${kind}/${id}`, ObserveResponse_Change.toJSON({ change })]);
  for (const { id, record } of view.all('job')) put(ObservedKind.JOB, id, { $case: 'job', value: record });
  for (const { id, record } of view.all('jobStatus'))
    if (view.find('job', id) !== undefined)
      put(ObservedKind.JOB_STATUS, id, { $case: 'jobStatus', value: record });
  for (const { id, record } of view.all('task'))
    if (record.task !== undefined) put(ObservedKind.TASK, id, { $case: 'task', value: record.task });
  return new Map(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

function knownTo(mirror: CellMirror): ReadonlyMap<string, unknown> {
  // The steps of the test leave the status of a job behind that they remove; a snapshot does not contain it.
  const isWhole = (key: string) =>
    !key.startsWith(`${ObservedKind.JOB_STATUS}/`) ||
    mirror.entities.has(key.replace(/^\d+/, String(ObservedKind.JOB)));
  const entries = [...mirror.entities]
    .filter(([key]) => isWhole(key))
    .map(([key, change]) => [key, ObserveResponse_Change.toJSON({ change })] as const);
  return new Map(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Returns every reported change as KIND/ID@REVISION, without the snapshot. */
function reportedBy({ received }: CellMirror): readonly string[] {
  return received.flatMap((event) =>
    event.$case !== 'commits'
      ? []
      : event.value.commits.flatMap(({ revision, changes }) =>
          changes.map(({ change }) => {
            switch (change?.$case) {
              case 'removed':
                return `removed ${change.value.kind}/${change.value.id}@${revision}`;
              case 'jobStatus':
                return `jobStatus/${change.value.jobId}@${revision}`;
              case 'job':
              case 'task':
                return `${change.$case}/${change.value.id}@${revision}`;
              default:
                return `${change?.$case}@${revision}`;
            }
          }),
        ),
  );
}

describe.skipIf(skipRedisTests !== false)('an observer through the client, during failures', () => {
  let scene: Scene;
  const closers: (() => void)[] = [];
  let reconnects = 0;

  beforeEach(async () => {
    scene = await Scene.start();
  });
  afterEach(async () => {
    for (const close of closers.splice(0)) close();
    await scene.close();
  });

  function client(): BerthClient {
    const made = BerthClient.connect({ addresses: scene.proxies.map(({ address }) => address) });
    closers.push(() => made.close());
    return made;
  }

  function follow(mirror: CellMirror, broken: unknown[]): Subscription {
    const onReconnect = () => {
      reconnects += 1;
      if (mirror.position === undefined) mirror.restart();
      else mirror.resume();
    };
    const subscription = client()
      .observe({ subscription: { bookmarkIntervalMs: 100 }, onReconnect })
      .subscribe({
        next: (response) => {
          try {
            mirror.receive({ response });
          } catch (error) {
            broken.push(error);
          }
        },
        error: (error: unknown) => broken.push(error),
      });
    closers.push(() => subscription.unsubscribe());
    return subscription;
  }

  it('gets each change once while gateways are cut off and restarted and Redis restarts', async () => {
    const seed = Math.floor(Math.random() * 2 ** 31);
    console.info(`seed ${seed}`);
    const random = randomFrom(seed);
    await scene.live(60, random);

    const broken: unknown[] = [];
    const [mirror, model] = [new CellMirror(), new ModelSubscriber()];
    follow(mirror, broken);
    const jobs = client()
      .observeJobs({ reconnect: true })
      .subscribe({
        next: (message) => {
          try {
            model.receive(JobChangeNotification.encode(message).finish());
          } catch (error) {
            broken.push(error);
          }
        },
        error: (error: unknown) => broken.push(error),
      });
    closers.push(() => jobs.unsubscribe());
    const slow = new CellWatcher(`127.0.0.1:${scene.proxies[1]?.target}`);
    closers.push(() => slow.close());
    await waitFor(() => mirror.isLive && model.isLive, { what: 'both are live' });
    await slow.until(() => slow.mirror.isLive);
    const began = scene.truth.revision;
    const expected: string[] = [];
    const subscription = scene.truth.changes$.subscribe(({ revision, changes }) => {
      for (const { kind, id, after } of changes)
        if (after !== undefined && kind !== 'task') expected.push(`${kind}/${id}@${revision}`);
    });
    closers.push(() => subscription.unsubscribe());

    slow.pause();
    for (let round = 0; round < 6; round += 1) {
      await scene.live(40, random);
      scene.proxies[0]?.cut();
      await scene.live(20, random);
      scene.proxies[1]?.cut();
      await waitFor(() => broken.length > 0 || mirror.isLive, { what: 'the mirror is back' });
      if (round === 1 || round === 4) {
        await scene.stopGateway(0);
        await scene.live(20, random);
        await scene.startGateway(0);
      }
      if (round === 3) await scene.redis.restart();
    }
    const end = await scene.commit(jobWrite('the-last'));
    await waitFor(() => broken.length > 0 || mirror.position?.revision === end, {
      what: 'the mirror has it all',
    });
    await waitFor(() => broken.length > 0 || model.jobs.has('the-last'), { what: 'the model has it all' });
    slow.resume();
    await slow.caughtUp();
    expect(broken).toEqual([]);
    expect(reconnects).toBeGreaterThan(2);
    expect(mirror.resets).toBe(0);
    expect(knownTo(slow.mirror)).toEqual(entitiesOf(scene.truth));
    expect(knownTo(mirror)).toEqual(entitiesOf(scene.truth));
    const reported = reportedBy(mirror);
    expect(reported.filter((one, index) => reported.indexOf(one) !== index)).toEqual([]);
    expect(end).toBeGreaterThan(began + 100);
    expect(expected.filter((one) => !reported.includes(one))).toEqual([]);
    for (const { id, record } of scene.truth.all('job')) {
      const isLive = isJobLive(scene.truth.find('jobStatus', id)?.record);
      if (!isLive) continue;
      expect(model.jobs.get(id)).toMatchObject({ isFinished: false, descriptor: record.descriptor });
      expect(Object.fromEntries(model.jobs.get(id)?.tasks ?? [])).toEqual(
        Object.fromEntries(scene.truth.tasksOf(id).map((task) => [task.id, task.record.task])),
      );
    }
  }, 90_000);

  it('gets the reason of the loss if the log no longer reaches back, and begins anew', async () => {
    await scene.close();
    scene = await Scene.start(20);
    await scene.commit(jobWrite('first'));
    const [mirror, broken]: [CellMirror, unknown[]] = [new CellMirror(), []];
    follow(mirror, broken);
    await waitFor(() => mirror.isLive, { what: 'the mirror is live' });
    const lastSeen = mirror.position?.revision;
    // Nobody can be reached while more happens than the log keeps.
    for (const index of [0, 1]) await scene.stopGateway(index);
    for (let count = 0; count < 300; count += 1) await scene.commit(jobWrite(`job${count}`));
    await scene.commit({ kind: 'job', id: 'first' });
    for (const index of [0, 1]) await scene.startGateway(index);
    await waitFor(() => broken.length > 0 || (mirror.resets > 0 && mirror.isLive), {
      what: 'the mirror is live again',
    });
    expect(broken).toEqual([]);
    expect(mirror.received.find(({ $case }) => $case === 'reset')).toMatchObject({
      value: {
        afterRevision: lastSeen,
        toRevision: scene.truth.revision,
        reason: 'the change log was trimmed',
      },
    });
    expect(knownTo(mirror)).toEqual(entitiesOf(scene.truth));
  }, 60_000);
});
