import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { aBatchJob } from '@berth/api/testing/fixtures';
import { ModelSubscriber } from '@berth/api/testing/model-subscriber';
import { jobWrite, taskWrite } from '@berth/api/testing/scripted-cell';
import { BerthClient } from '@berth/client';
import { fileDescriptorSetBase64 } from '@berth/shared/gen/descriptors';
import { JobManagementServiceService as methods } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { BerthError } from '@berth/shared/model/errors/errors';
import { type CellStore, openStore, type Write } from '@berth/store';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ReopenedStream } from '../support/callers/reopened-stream.js';
import { GatewayProcess, isGatewayBuilt } from '../support/cells/gateway-process.js';
import { freePort } from '../support/process/free-port.js';
import { skipRedisTests, startTestRedis, type TestRedis } from '../support/process/redis.js';
import { reportSkipped } from '../support/process/skipped.js';
import { waitFor } from '../support/process/wait-for.js';
import { proxyKinds } from '../support/proxies/proxy-kinds.js';
import { ProxyProcess } from '../support/proxies/proxy-process.js';

const cell = 'test';
const jobId = 'watched';
const patience = { timeoutMs: 30_000 };
const inCi = !['', '0', 'false'].includes(process.env.CI ?? '');
/**
 * A line of the log of grpcio itself: a proxy without a gateway answers with a page, which the library
 * reports before it fails the call.
 */
const logOfLibrary = /^E\d{4} .* hpack_parser\.cc:/;

/** A Python that has grpcio and protobuf; `npm test` sets it. */
const python = process.env.BERTH_TEST_PYTHON_GRPC;
const isMissing = !inCi && (python === undefined || proxyKinds.some(({ program }) => program === undefined));
reportSkipped('nginx, haproxy and python3-grpcio', isMissing && 'run npm test to have them');

let redis: TestRedis;
let store: CellStore;
let gateways: readonly GatewayProcess[];
let proxies: readonly ProxyProcess[];
const closers: (() => unknown)[] = [];

beforeEach(async () => {
  redis = await startTestRedis();
  store = await openStore({ url: redis.url, cell });
  const env = { BERTH_REDIS_URL: redis.url, BERTH_CELL: cell, BERTH_API_TITUS_IDLE: '500ms' };
  gateways = await Promise.all([GatewayProcess.create(env), GatewayProcess.create(env)]);
  await Promise.all(gateways.map((gateway) => gateway.start()));
  const behind = gateways.map(({ address }) => address);
  proxies = await Promise.all(
    proxyKinds.map(async (kind) => ProxyProcess.start(kind, await freePort(), behind)),
  );
}, 60_000);
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
  await Promise.all(proxies.map((proxy) => proxy.close()));
  await Promise.all(gateways.map((gateway) => gateway.kill()));
  await store.close();
  await redis.stop();
});

async function commit(...writes: readonly Write[]): Promise<number> {
  const result = await store.commit({ actor: 'master', writes });
  if (!result.ok) throw new Error(JSON.stringify(result));
  return result.revision;
}

/** A subscriber's changes of tasks, each as `REVISION ID`, in the order of their arrival. */
interface Subscriber {
  readonly changes: string[];
  readonly isLive: () => boolean;
  /** The streams that were lost. */
  readonly losses: () => number;
  readonly violations: unknown[];
}

function librarySubscriber(address: string): Subscriber {
  const client = BerthClient.connect({ address });
  const [changes, violations]: [string[], unknown[]] = [[], []];
  let [isLive, losses] = [false, 0];
  const options = { onReconnect: () => (losses += 1), onReset: (why: string) => violations.push(why) };
  const subscription = client.observe(options).subscribe({
    next: (event) => {
      if (event.$case === 'snapshotEnd') isLive = true;
      if (event.$case !== 'commits') return;
      for (const each of event.value.commits)
        for (const { change } of each.changes)
          if (change?.$case === 'task') changes.push(`${each.revision} ${change.value.id}`);
    },
    error: (error: unknown) => violations.push(error),
  });
  closers.push(() => {
    subscription.unsubscribe();
    client.close();
  });
  return { changes, violations, isLive: () => isLive, losses: () => losses };
}

/** The program of the page on clients in Python, as it stands there. */
async function pythonSubscriber(address: string): Promise<Subscriber> {
  const page = await readFile(new URL('../../docs/clients-python.md', import.meta.url), 'utf8');
  const [, program] = /```python\n("""Prints each change[\s\S]*?)```/.exec(page) ?? [];
  if (program === undefined || python === undefined) throw new Error('There is no Python client to start.');
  const dir = await mkdtemp(join(tmpdir(), 'berth-test-python-'));
  await writeFile(join(dir, 'berth.binpb'), Buffer.from(fileDescriptorSetBase64, 'base64'));
  await writeFile(join(dir, 'observe.py'), program);
  const child: ChildProcess = spawn(python, ['observe.py', address], { cwd: dir, stdio: 'pipe' });
  const [changes, violations]: [string[], unknown[]] = [[], []];
  let [isLive, losses, isClosing] = [false, 0, false];
  closers.push(async () => {
    isClosing = true;
    child.kill('SIGKILL');
    await rm(dir, { recursive: true, force: true });
  });
  child.on('exit', () => isClosing || violations.push('the program has ended'));
  if (child.stdout === null || child.stderr === null) throw new Error('The program has no output.');
  createInterface({ input: child.stdout }).on('line', (line) => {
    const [revision = '', what, id = ''] = line.split(' ');
    if (revision === 'reset:') violations.push(line);
    // The snapshot has one task.
    if (revision === 'snapshot' && what === 'task') isLive = true;
    if (/^\d+$/.test(revision) && what === 'task') changes.push(`${revision} ${id}`);
  });
  createInterface({ input: child.stderr }).on('line', (line) => {
    if (line.startsWith('lost ')) losses += 1;
    else if (!isClosing && !logOfLibrary.test(line)) violations.push(line);
  });
  return { changes, violations, isLive: () => isLive, losses: () => losses };
}

function titusStream(address: string): ReopenedStream<ModelSubscriber> {
  const options = { addresses: [address], path: methods.observeJobs.path, request: Buffer.alloc(0) };
  const stream = new ReopenedStream({ ...options, newModel: () => new ModelSubscriber() });
  closers.push(() => stream.close());
  return stream;
}

let tasks = 0;
/** Commits some new tasks. Returns them as subscribers should tell them. */
async function live(count: number): Promise<readonly string[]> {
  const made: string[] = [];
  for (let each = 0; each < count; each += 1) {
    tasks += 1;
    const id = `${jobId}.${tasks}-0`;
    made.push(`${await commit(taskWrite(id, { slot: tasks }))} ${id}`);
  }
  return made;
}

describe.skipIf(skipRedisTests !== false || !isGatewayBuilt || isMissing)(
  'subscribers behind nginx and HAProxy',
  () => {
    it('see every change once, whatever is reset, reloaded or killed between them and the cell', async () => {
      await commit(jobWrite(jobId), taskWrite(`${jobId}.0-0`));
      const titus = proxies.map(({ address }) => titusStream(address));
      const subscribers = await Promise.all(
        proxies.flatMap(({ address }) => [librarySubscriber(address), pythonSubscriber(address)]),
      );
      const allLive = () =>
        subscribers.every(({ isLive }) => isLive()) && titus.every(({ model }) => model.isLive);
      await waitFor(allLive, { what: 'all streams are live', ...patience });

      // Nothing happens until each idle stream was reset. Empty notifications keep those of netflix.titus.
      const allReset = () => subscribers.every(({ losses }) => losses() > 0);
      await waitFor(allReset, { what: 'the idle streams are reset', ...patience });
      expect(titus.map(({ streams }) => streams)).toEqual(proxies.map(() => 1));

      const expected: string[] = [];
      const [first, second] = gateways;
      const acts: readonly (() => Promise<unknown> | undefined)[] = [
        async () => {
          for (const proxy of proxies) proxy.reload();
        },
        () => first?.kill(),
        () => first?.start(),
        () => Promise.all(proxies.map((proxy) => proxy.kill())),
        () => Promise.all(proxies.map((proxy) => proxy.start())),
        () => second?.kill(),
      ];
      for (const act of acts) {
        expected.push(...(await live(3)));
        const acted = act();
        expected.push(...(await live(3)));
        await acted;
      }
      expected.push(...(await live(3)));
      for (const { changes } of subscribers)
        await waitFor(() => changes.includes(expected.at(-1) ?? ''), {
          what: 'the last change',
          ...patience,
        });
      for (const { changes, violations } of subscribers) {
        expect(changes).toEqual(expected);
        expect(violations).toEqual([]);
      }
      const hasAll = () => titus.every(({ model }) => model.jobs.get(jobId)?.tasks.size === tasks + 1);
      await waitFor(hasAll, { what: 'the streams of netflix.titus have it all', ...patience });
      expect(titus.flatMap(({ violations }) => violations)).toEqual([]);
    }, 180_000);

    it('get long errors in any script as they were sent, with their details', async () => {
      for (const { address } of proxies) {
        const client = BerthClient.connect({ address });
        closers.push(() => client.close());
        const long = '船が港に着いた。'.repeat(25);
        const env = Object.fromEntries(Array.from({ length: 60 }, (_, at) => [`${at} ${long}`, 'x']));
        const containers = { main: { image: { name: 'busybox:1' }, env } };
        const refusal = await client.createJob(aBatchJob({ containers })).catch((error: unknown) => error);
        expect(refusal).toBeInstanceOf(BerthError);
        expect(refusal).toMatchObject({ code: 'invalidArgument' });
        expect((refusal as BerthError).violations.length).toBeGreaterThan(0);
        const unknown = await client.findJob(long).catch((error: unknown) => error);
        expect(unknown).toMatchObject({ code: 'notFound', message: expect.stringMatching(/船.*…$/) });
      }
    });
  },
);
