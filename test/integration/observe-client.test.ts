import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { CellMirror } from '@berth/api/testing/cell-mirror';
import { aServiceJob } from '@berth/api/testing/fixtures';
import { decide, RunningGateway } from '@berth/api/testing/running-gateway';
import { jobWrite, moveWrite, taskWrite } from '@berth/api/testing/scripted-cell';
import { BerthClient, type CellEvent, type TaskCounts } from '@berth/client';
import { repoRoot } from '@berth/local/machine/paths';
import { ObservedKind } from '@berth/shared/gen/berth/v1/observe_service';
import { State } from '@berth/shared/model/task/task-state';
import { systemClock } from '@berth/shared/process/clock';
import { MemoryStore } from '@berth/store/memory';
import { firstValueFrom } from 'rxjs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type CuttableProxy, startCuttableProxy } from '../support/process/cuttable-proxy.js';
import { waitFor } from '../support/process/wait-for.js';

let store: MemoryStore;
const gateways: RunningGateway[] = [];
const closers: (() => void | Promise<void>)[] = [];

beforeEach(() => {
  store = new MemoryStore({ clock: systemClock });
});
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
  await Promise.all(gateways.splice(0).map((gateway) => gateway.close()));
  await store.close();
});

async function startGateway(env: NodeJS.ProcessEnv = {}): Promise<RunningGateway> {
  const gateway = await RunningGateway.start(store, env);
  gateways.push(gateway);
  return gateway;
}

/** A way to the gateway that can be cut. */
async function proxyTo({ gateway }: RunningGateway): Promise<CuttableProxy> {
  const proxy = await startCuttableProxy(gateway.grpcPort);
  closers.push(() => proxy.close());
  return proxy;
}

function clientOf(...addresses: string[]): BerthClient {
  const client = BerthClient.connect({ addresses });
  closers.push(() => client.close());
  return client;
}

const addressOf = ({ gateway }: RunningGateway) => `127.0.0.1:${gateway.grpcPort}`;

/** Collects the messages of one subscription and checks them against the rules of a stream. */
class CheckedEvents {
  readonly mirror = new CellMirror();
  readonly events: CellEvent[] = [];
  violation: unknown;
  error: unknown;
  readonly next = (response: CellEvent): void => {
    this.events.push(response);
    try {
      this.mirror.receive({ response });
    } catch (error) {
      this.violation ??= error;
    }
  };
}

describe('a checkpoint', () => {
  it('resolves once the subscriber has the writes of another gateway', async () => {
    const [first, second] = [await startGateway(), await startGateway()];
    const observed = clientOf(addressOf(first)).observe();
    const received = new CheckedEvents();
    const subscription = observed.subscribe(received.next);
    closers.push(() => subscription.unsubscribe());
    const writer = clientOf(addressOf(second));
    for (let round = 0; round < 10; round += 1) {
      const { id } = await writer.createJob(aServiceJob());
      await observed.checkpoint();
      expect(received.mirror.entities.has(`${ObservedKind.JOB}/${id}`)).toBe(true);
    }
    expect(received.violation).toBeUndefined();
  });

  it('is requested again if the gateway is lost before its answer', async () => {
    const [first, second] = [await startGateway(), await startGateway()];
    const [lost, kept] = [await proxyTo(first), await proxyTo(second)];
    const observed = clientOf(lost.address, kept.address).observe();
    const received = new CheckedEvents();
    let reopened = 0;
    const subscription = observed.subscribe(received.next);
    closers.push(() => subscription.unsubscribe());
    await waitFor(() => received.mirror.isLive, { what: 'the stream is live' });
    for (let round = 0; round < 3; round += 1) {
      await decide(store, [jobWrite(`j${round}`)]);
      const reached = observed.checkpoint();
      lost.cut();
      kept.cut();
      reopened += 1;
      await reached;
      expect(received.mirror.entities.has(`${ObservedKind.JOB}/j${round}`)).toBe(true);
    }
    expect(reopened).toBe(3);
    expect(received.events.filter(({ $case }) => $case === 'reset')).toEqual([]);
  });

  it('is refused without a subscriber, and when the subscription ends', async () => {
    const observed = clientOf('127.0.0.1:1').observe();
    await expect(observed.checkpoint()).rejects.toMatchObject({ code: 'failedPrecondition' });
    const subscription = observed.subscribe();
    const waiting = expect(observed.checkpoint()).rejects.toMatchObject({ code: 'failedPrecondition' });
    subscription.unsubscribe();
    await waiting;
  });
});

describe('numbers of tasks', () => {
  const numbers = (counts: TaskCounts | undefined) =>
    Object.fromEntries(counts?.all.map(({ values, tasks }) => [values.join(' '), tasks]) ?? []);

  it('arrive at once and at each change, even after the loss of a gateway', async () => {
    const web = jobWrite('a', { descriptor: aServiceJob({ appName: 'web' }) });
    await decide(store, [web, jobWrite('b'), taskWrite('a.0-0'), taskWrite('a.1-0'), taskWrite('b.0-0')]);
    const [first, second] = [await startGateway(), await startGateway()];
    const [lost, kept] = [await proxyTo(first), await proxyTo(second)];
    const reports: TaskCounts[] = [];
    const counts = clientOf(lost.address, kept.address).observeTaskCounts(['appName', 'state']);
    const subscription = counts.subscribe((next) => reports.push(next));
    closers.push(() => subscription.unsubscribe());
    const app = aServiceJob().appName;
    await waitFor(() => reports.length > 0, { what: 'the numbers are there' });
    expect(numbers(reports[0])).toEqual({ 'web QUEUED': 2, [`${app} QUEUED`]: 1 });
    await decide(store, [moveWrite(taskWrite('a.0-0').record, State.RUNNING)]);
    await waitFor(() => reports.length > 1, { what: 'they have changed' });
    expect(reports[1]?.changed).toEqual([
      { values: ['web', 'QUEUED'], tasks: 1 },
      { values: ['web', 'RUNNING'], tasks: 1 },
    ]);
    await decide(store, [{ kind: 'task', id: 'b.0-0' }]);
    await waitFor(() => reports.length > 2, { what: 'one is gone' });
    expect(numbers(reports[2])).toEqual({ 'web QUEUED': 1, 'web RUNNING': 1 });
    lost.cut();
    await decide(store, [taskWrite('b.1-0')]);
    await waitFor(() => numbers(reports.at(-1))[`${app} QUEUED`] === 1, {
      what: 'the other gateway reports it',
    });
    expect(numbers(reports.at(-1))).toEqual({ 'web QUEUED': 1, 'web RUNNING': 1, [`${app} QUEUED`]: 1 });
    // An unchanged number is not reported as changed.
    const changes = reports.slice(3).flatMap(({ changed }) => changed);
    expect(changes).toEqual([{ values: [app, 'QUEUED'], tasks: 1 }]);
  });

  it('count only the tasks that the criteria select', async () => {
    await decide(store, [
      jobWrite('a', { descriptor: aServiceJob({ appName: 'web' }) }),
      ...[taskWrite('a.0-0'), moveWrite(taskWrite('a.1-0').record, State.RUNNING)],
      ...[jobWrite('b'), taskWrite('b.0-0')],
    ]);
    const reports: TaskCounts[] = [];
    const criteria = { appName: 'web', taskStates: 'QUEUED' };
    const subscription = clientOf(addressOf(await startGateway()))
      .observeTaskCounts(['jobId'], { filteringCriteria: criteria })
      .subscribe((next) => reports.push(next));
    closers.push(() => subscription.unsubscribe());
    await waitFor(() => reports.length > 0, { what: 'the numbers are there' });
    expect(numbers(reports[0])).toEqual({ a: 1 });
    await decide(store, [jobWrite('b', { descriptor: aServiceJob({ appName: 'web' }) })]);
    await waitFor(() => reports.length > 1, { what: 'they have changed' });
    expect(numbers(reports[1])).toEqual({ a: 1, b: 1 });
  });

  it('come with checkpoints and bookmarks', async () => {
    const observed = clientOf(addressOf(await startGateway())).observe({
      subscription: { countTasksBy: ['state'], bookmarkIntervalMs: 100 },
    });
    const events: CellEvent[] = [];
    const subscription = observed.subscribe((event) => events.push(event));
    closers.push(() => subscription.unsubscribe());
    await decide(store, [jobWrite('a'), taskWrite('a.0-0')]);
    await observed.checkpoint();
    const tasks = events.flatMap((event) => (event.$case === 'counts' ? event.value.counts : []));
    expect(tasks).toEqual([{ values: ['QUEUED'], tasks: 1 }]);
    await waitFor(() => events.some(({ $case }) => $case === 'bookmark'), { what: 'a bookmark came' });
  });

  it('are refused by an unknown field', async () => {
    const address = addressOf(await startGateway());
    const refused = new Promise((_, reject) =>
      clientOf(address)
        .observe({ subscription: { countTasksBy: ['colour'], kinds: [ObservedKind.JOB] } })
        .subscribe({ error: reject }),
    );
    await expect(refused).rejects.toMatchObject({
      code: 'invalidArgument',
      violations: [{ field: 'count_tasks_by[0]' }, { field: 'kinds' }],
    });
  });
});

describe('a connection past its age limit', () => {
  it('is replaced by another one without gap or duplicate while commits continue', async () => {
    const env = { BERTH_API_MAX_CONNECTION_AGE: '300ms', BERTH_API_MAX_CONNECTION_AGE_GRACE: '200ms' };
    const [first, second] = [await startGateway(env), await startGateway(env)];
    const received = new CheckedEvents();
    let left = 0;
    const observed = clientOf(addressOf(first), addressOf(second)).observe({
      onReconnect: () => (left += 1),
    });
    const subscription = observed.subscribe({
      next: received.next,
      error: (error: unknown) => {
        received.error = error;
      },
    });
    closers.push(() => subscription.unsubscribe());
    let jobs = 0;
    while (left < 3 && received.error === undefined) {
      await decide(store, [jobWrite(`j${jobs}`)]);
      jobs += 1;
      await observed.checkpoint();
    }
    expect([received.error, received.violation]).toEqual([undefined, undefined]);
    expect(received.mirror.resets).toBe(0);
    expect(received.mirror.entities.size).toBe(jobs);
    const changes = received.events.flatMap((event) =>
      event.$case === 'commits' ? event.value.commits.flatMap((commit) => commit.changes) : [],
    );
    const inSnapshot = received.events.flatMap((event) =>
      event.$case === 'snapshot' ? event.value.entities : [],
    );
    expect(changes.length + inSnapshot.length).toBe(jobs);
  }, 30_000);
});

describe('several streams of one connection past its age limit', () => {
  it('all continue, even if the connection is found dead within its grace', async () => {
    // Past its age limit a connection does not answer the client's keep-alive pings, about 10 s apart.
    const env = { BERTH_API_MAX_CONNECTION_AGE: '5s', BERTH_API_MAX_CONNECTION_AGE_GRACE: '20s' };
    const [first, second] = [await startGateway(env), await startGateway()];
    const client = clientOf(addressOf(first), addressOf(second));
    const all = Array.from({ length: 3 }, () => {
      const received = new CheckedEvents();
      let left = 0;
      const observed = client.observe({ onReconnect: () => (left += 1) });
      const subscription = observed.subscribe({
        next: received.next,
        error: (error: unknown) => {
          received.error = error;
        },
      });
      closers.push(() => subscription.unsubscribe());
      return { received, observed, left: () => left };
    });
    let jobs = 0;
    const isOver = () => all.some(({ received, left }) => received.error !== undefined || left() > 0);
    while (!isOver()) {
      await decide(store, [jobWrite(`j${jobs}`)]);
      jobs += 1;
      const last = `${ObservedKind.JOB}/j${jobs - 1}`;
      const hasLast = () => all.every(({ received }) => received.mirror.entities.has(last));
      await waitFor(() => hasLast() || isOver(), { what: `${last} arrives`, timeoutMs: 40_000 });
    }
    await Promise.all(all.map(({ observed }) => observed.checkpoint()));
    for (const { received } of all) {
      expect([received.error, received.violation]).toEqual([undefined, undefined]);
      expect(received.mirror.resets).toBe(0);
      expect(received.mirror.entities.size).toBe(jobs);
    }
  }, 60_000);
});

describe('a closed client', () => {
  it('completes its streams, and refuses checkpoints', async () => {
    const client = clientOf(addressOf(await startGateway()));
    const ended: string[] = [];
    const observed = client.observe();
    observed.subscribe({ complete: () => ended.push('the cell') });
    client.observeJobs({ reconnect: true }).subscribe({ complete: () => ended.push('jobs with reconnect') });
    client.observeJobs().subscribe({ complete: () => ended.push('jobs') });
    client.observeTaskCounts(['state']).subscribe({ complete: () => ended.push('counts') });
    await observed.checkpoint();
    const late = expect(observed.checkpoint()).rejects.toMatchObject({ code: 'failedPrecondition' });
    client.close();
    await late;
    expect(ended.sort()).toEqual(['counts', 'jobs', 'jobs with reconnect', 'the cell']);
    const after = firstValueFrom(client.observe());
    await expect(after).rejects.toMatchObject({
      code: 'failedPrecondition',
      message: 'The client is closed.',
    });
  });

  it('keeps no process alive that imports it by its name', async () => {
    const address = addressOf(await startGateway());
    const program = `
      import { BerthClient } from '@berth/client';
      const client = BerthClient.connect({ address: ${JSON.stringify(address)} });
      const observed = client.observe();
      observed.subscribe();
      client.observeJobs({ reconnect: true }).subscribe();
      await observed.checkpoint();
      client.close();
      process.stdout.write(String(performance.timeOrigin + performance.now()));
    `;
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program], {
      cwd: repoRoot,
    });
    // A connection that nobody closes is left after some ten seconds.
    expect(Date.now() - Number(stdout)).toBeLessThan(5_000);
  });
});
