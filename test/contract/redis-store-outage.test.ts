import { randomUUID } from 'node:crypto';
import { cp, rm } from 'node:fs/promises';
import { type CellStore, openStore } from '@berth/store';
import { Replica } from '@berth/store/replica';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { recordingLogger } from '../support/cells/recording-logger.js';
import { skipRedisTests, startTestRedis, type TestRedis } from '../support/process/redis.js';
import { waitFor } from '../support/process/wait-for.js';
import { expectSameCell } from './same-cell.js';
import { applied, assignment, cluster, readAll, report, request, sampleBatch } from './store-fixtures.js';
import { ear, untilHeard } from './store-sample-contract.js';

describe.skipIf(skipRedisTests !== false)('the Redis store when Redis fails', () => {
  let redis: TestRedis;
  let store: CellStore;
  const log = recordingLogger();

  beforeEach(async () => {
    redis = await startTestRedis();
    log.lines.length = 0;
    store = await openStore({ url: redis.url, cell: randomUUID(), log: log.logger });
  });
  afterEach(async () => {
    await store.close();
    await redis.stop();
  });

  it('has every acknowledged commit after a SIGKILL in the middle of many, each applied once', async () => {
    const committed: string[] = [];
    let sent = 0;
    const sender = async () => {
      while (sent < 2_000) {
        const id = `c${sent++}`;
        applied(await store.commit(request([cluster(id, 1, 0)])));
        committed.push(id);
      }
    };
    const senders = Promise.all(Array.from({ length: 16 }, sender));
    await waitFor(() => committed.length > 200, { what: 'some commits are acknowledged' });
    await redis.restart();
    await senders;
    const entries = await readAll(store.openLogReader());
    expect(entries.map(({ revision }) => revision)).toEqual(entries.map((_, index) => index + 1));
    const logged = entries.flatMap(({ writes }) => writes.map(({ field }) => field));
    expect(logged.toSorted()).toEqual(committed.map((id) => `cluster/${id}`).toSorted());
  });

  it('keeps a replica without a gap or a new snapshot over a restart', async () => {
    const replica = await Replica.start(store.openLogReader({ follows: true }), { log: log.logger });
    const seen: number[] = [];
    replica.changes$.subscribe(({ revision }) => seen.push(revision));
    applied(await store.commit(request([cluster('a')])));
    await redis.kill();
    await waitFor(() => !replica.isConnected, { what: 'the replica has noticed' });
    await redis.restart();
    applied(await store.commit(request([cluster('b')])));
    await replica.waitFor(2, 20_000);
    await waitFor(() => replica.isConnected, { what: 'the replica is connected again' });
    expect(seen).toEqual([1, 2]);
    expect(replica.lagging).toBe(false);
    await replica.close();
  });

  it('keeps a replica that reads over several connections over restarts, each commit once', async () => {
    const replica = await Replica.start(store.openLogReader({ follows: true }), { log: log.logger });
    const seen: number[] = [];
    replica.changes$.subscribe(({ revision }) => seen.push(revision));
    const clients = async () => (await redis.command('CLIENT', 'LIST')).split('\n').length;
    const before = await clients();
    const many = Array.from({ length: 32 }, async () => {
      for (let made = 0; made < 50; made += 1) applied(await store.commit(request([cluster('a')])));
    });
    const opened = () => clients().then((now) => now > before);
    await waitFor(opened, { what: 'much has piled up', intervalMs: 1 });
    for (let restart = 0; restart < 2; restart += 1) await redis.restart();
    await Promise.all(many);
    await replica.waitFor(1_600, 20_000);
    expect(seen).toEqual(Array.from({ length: 1_600 }, (_, at) => at + 1));
    await replica.close();
    await waitFor(async () => (await clients()) < before, { what: 'its connections are closed' });
  });

  it('logs the loss of Redis once and its return once', async () => {
    const inbox = store.openReportInbox();
    const reading = inbox.readReports('0', 1, 60_000);
    const lost = expect(reading).rejects.toMatchObject({ code: 'unavailable' });
    await redis.kill();
    await lost;
    const pending = store.ping();
    await redis.restart();
    await pending;
    await waitFor(() => log.lines.some(({ msg }) => msg.endsWith('answers again')), {
      what: 'all connections are back',
    });
    const sentences = log.lines.map(({ msg }) => msg);
    expect(sentences.filter((msg) => msg.includes('does not answer'))).toHaveLength(1);
    expect(sentences.filter((msg) => msg.includes('answers again'))).toHaveLength(1);
    expect(sentences).toHaveLength(2);
  });

  it('keeps the positions of an assignment feed and of an inbox over a restart', async () => {
    const feed = store.openAssignmentFeed('one');
    expect(await feed.readChanges(0)).toEqual([]);
    await store.publish([report('t1')]);
    await redis.restart();
    const change = { agentId: 'one', taskId: 't', assignment: assignment('t') };
    applied(await store.commit(request([], { assignments: [change] })));
    const changes = await waitFor(async () => {
      const read = await feed.readChanges(1_000).catch(() => []);
      return read.length > 0 && read;
    });
    expect(changes).toEqual([change]);
    const reports = await waitFor(() =>
      store
        .openReportInbox()
        .readReports('0', 10, 0)
        .catch(() => undefined),
    );
    expect(reports).toHaveLength(1);
  });

  it('brings samples to a feed again after a restart', async () => {
    const one = ear(store.openSampleFeed());
    await untilHeard(store, one);
    await redis.restart();
    one.heard.length = 0;
    await untilHeard(store, one);
  });

  it('soon drops samples if Redis stalls, and loses no other call', async () => {
    redis.pause();
    const beaten = store.recordHeartbeats(['one']);
    await expect(store.publishSamples(sampleBatch(1))).rejects.toMatchObject({ code: 'unavailable' });
    redis.resume();
    await beaten;
    expect(log.lines).toEqual([]);
  });

  it('drops samples at once if Redis is away', async () => {
    await redis.kill();
    await waitFor(() => log.lines.length > 0, { what: 'the loss is noticed' });
    await expect(store.publishSamples(sampleBatch(1))).rejects.toMatchObject({ code: 'unavailable' });
  });

  it('resynchronises a replica when Redis comes back with an older state and another history', async () => {
    for (const id of ['a', 'b']) applied(await store.commit(request([cluster(id)])));
    await redis.kill();
    const backup = `${redis.dir}-backup`;
    await cp(redis.dir, backup, { recursive: true });
    await redis.restart();
    applied(await store.commit(request([cluster('lost'), cluster('a', 2)])));
    applied(await store.commit(request([cluster('lost too')])));
    const replica = await Replica.start(store.openLogReader({ follows: true }), { log: log.logger });
    expect(replica.count('cluster')).toBe(4);
    const lost = replica.head;

    await redis.kill();
    await rm(redis.dir, { recursive: true });
    await cp(backup, redis.dir, { recursive: true });
    await rm(backup, { recursive: true });
    await redis.restart();
    const late = request([cluster('decided before')], { basis: lost });
    expect(await store.commit(late)).toMatchObject({ ok: false, reason: 'diverged' });
    const waits = replica.waitForHead(await store.openLogReader().head(), 10_000);
    for (const id of ['c', 'd', 'e']) applied(await store.commit(request([cluster(id)])));
    expect(await store.commit(late)).toMatchObject({ ok: false, reason: 'diverged' });
    await waits;
    expect(replica.find('cluster', 'lost')).toBeUndefined();
    await waitFor(() => replica.find('cluster', 'e') !== undefined, {
      what: 'the replica follows the new history',
    });
    expect(replica.find('cluster', 'lost')).toBeUndefined();
    await expectSameCell(replica, store);
    await replica.close();
  });

  it('replaces a silent connection, and commits over another', async () => {
    redis.pause();
    const commit = store.commit(request([cluster('a', 1, 0)]));
    await waitFor(() => log.lines.some(({ msg }) => msg.includes('does not answer')), {
      what: 'the loss is noticed',
    });
    redis.resume();
    expect(applied(await commit).revision).toBe(1);
  });

  it('fails a commit with a clear sentence when Redis stays away, and the next one succeeds when it is back', async () => {
    const impatient = await openStore({ url: redis.url, cell: 'impatient', commitTimeoutMs: 300 });
    await redis.kill();
    const failed = impatient.commit(request([cluster('a')]));
    await expect(failed).rejects.toMatchObject({
      code: 'unavailable',
      message: /^Redis at 127.0.0.1:\d+ does not answer/,
    });
    await redis.restart();
    const committed = await waitFor(() => impatient.commit(request([cluster('b')])).catch(() => undefined));
    expect(applied(committed).revision).toBe(1);
    await impatient.close();
  });

  it('still works after its scripts were flushed', async () => {
    applied(await store.commit(request([cluster('a')])));
    await redis.command('SCRIPT', 'FLUSH');
    expect(applied(await store.commit(request([cluster('b')]))).revision).toBe(2);
  });

  it('ends waiting calls when it is closed', async () => {
    const reader = store.openLogReader();
    const head = await reader.head();
    const reading = expect(reader.readLog(head, 60_000)).rejects.toMatchObject({ code: 'unavailable' });
    await store.close();
    await reading;
    await expect(store.commit(request([cluster('a')]))).rejects.toMatchObject({ code: 'unavailable' });
  });
});

describe.skipIf(skipRedisTests !== false)('connecting to Redis', () => {
  it('waits for a Redis that does not answer yet, and logs it once', async () => {
    const redis = await startTestRedis();
    await redis.kill();
    const { logger, lines } = recordingLogger();
    const connecting = openStore({ url: redis.url, cell: 'cell', log: logger });
    await waitFor(() => lines.length > 0, { what: 'the absence is logged' });
    await redis.restart();
    const store = await connecting;
    expect(lines.map(({ msg }) => msg)).toEqual([
      expect.stringMatching(
        /^Redis at 127.0.0.1:\d+ does not answer \(.*ECONNREFUSED.*\); trying again until it does$/,
      ),
      expect.stringMatching(/^Redis at 127.0.0.1:\d+ answers again$/),
    ]);
    await store.close();
    await redis.stop();
  });

  it('can be ended by a signal', async () => {
    const redis = await startTestRedis();
    await redis.kill();
    const ending = AbortSignal.timeout(100);
    const connecting = openStore({ url: redis.url, cell: 'cell', signal: ending });
    await expect(connecting).rejects.toMatchObject({ name: 'TimeoutError' });
    await redis.stop();
  });

  it('fails at once if the password is wrong or missing', async () => {
    const redis = await startTestRedis({ settings: { requirepass: 'secret' } });
    const refused = { code: 'failedPrecondition', message: /^Redis at 127.0.0.1:\d+ refuses: / };
    const wrong = redis.url.replace('//', '//:wrong@');
    await expect(openStore({ url: wrong, cell: 'cell' })).rejects.toMatchObject(refused);
    await expect(openStore({ url: redis.url, cell: 'cell' })).rejects.toMatchObject(refused);
    const store = await openStore({ url: redis.url.replace('//', '//:secret@'), cell: 'cell' });
    await store.ping();
    await store.close();
    await redis.stop();
  });

  it('warns of settings that may lose acknowledged writes', async () => {
    const redis = await startTestRedis({ settings: { appendfsync: 'everysec' } });
    const { logger, lines } = recordingLogger();
    const store = await openStore({ url: redis.url, cell: 'cell', log: logger });
    expect(lines.map(({ msg }) => msg)).toEqual([expect.stringContaining('Set `appendfsync always`')]);
    await store.close();
    await redis.stop();
  });

  it('asks replicas for confirmation if the operator wants it', async () => {
    const primary = await startTestRedis({ settings: { 'repl-diskless-sync-delay': '0' } });
    const store = await openStore({ url: primary.url, cell: 'cell', waitReplicas: 1 });
    const unconfirmed = store.commit(request([cluster('a')], { commitId: 'once' }));
    await expect(unconfirmed).rejects.toMatchObject({ code: 'unavailable', message: /only 0 of 1 replicas/ });
    const [, port = ''] = /:(\d+)$/.exec(primary.url) ?? [];
    const replica = await startTestRedis({ settings: { replicaof: `127.0.0.1 ${port}` } });
    const repeated = await waitFor(
      () => store.commit(request([cluster('a')], { commitId: 'once' })).catch(() => undefined),
      { what: 'the replica confirms' },
    );
    expect(applied(repeated).revision).toBe(1);
    replica.pause();
    const lease = { holder: 'a', ttlMs: 60_000 };
    const { epoch = 0 } = (await store.tryAcquire(lease.holder, lease.ttlMs)) ?? {};
    let isConfirmed = false;
    const waits = store
      .commit(request([cluster('b')]))
      .catch(() => undefined)
      .finally(() => {
        isConfirmed = true;
      });
    // A renewal does not stand behind the wait for replicas.
    expect(await store.renew(lease.holder, epoch, lease.ttlMs)).toBe(true);
    expect(isConfirmed).toBe(false);
    await waits;
    replica.resume();
    await store.close();
    await replica.stop();
    await primary.stop();
  });
});
