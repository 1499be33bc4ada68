import { randomUUID } from 'node:crypto';
import { type CellStore, openStore } from '@berth/store';
import { cellKeys } from '@berth/store/testing/redis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { recordingLogger } from '../support/cells/recording-logger.js';
import { skipRedisTests, startTestRedis, type TestRedis } from '../support/process/redis.js';
import { waitFor } from '../support/process/wait-for.js';
import { storeContract } from './store-contract.js';
import { assignment, cluster, report, request, sampleBatch } from './store-fixtures.js';
import { ear, real, untilHeard } from './store-sample-contract.js';

describe.skipIf(skipRedisTests !== false)('the Redis store', () => {
  let redis: TestRedis;
  beforeAll(async () => {
    redis = await startTestRedis();
  });
  afterAll(() => redis.stop());

  it('skips a report that cannot be decoded, and does not read it again and again', async () => {
    const cell = randomUUID();
    const { logger, lines } = recordingLogger();
    const store = await openStore({ url: redis.url, cell, log: logger });
    const { reports } = cellKeys(cell);
    await store.publish([report('t1')]);
    await redis.command('XADD', reports, '*', 'reports', 'broken');
    const inbox = store.openReportInbox();
    const [first] = await inbox.readReports('0', 10, 0);
    expect(first?.report).toEqual(report('t1'));
    const waiting = inbox.readReports(first?.streamId ?? '', 10, 30_000);
    await store.publish([report('t2')]);
    const [second] = await waiting;
    expect(second?.report).toEqual(report('t2'));
    expect(lines.map(({ msg }) => msg)).toEqual([expect.stringMatching(/^the report \S+ cannot be decoded/)]);
    const ack = await store.commit(request([], { ackReportsThrough: second?.streamId ?? '' }));
    expect(ack.ok).toBe(true);
    expect(await redis.command('XLEN', reports)).toBe(':0\r\n');
    await store.close();
  });

  it('leaves only the keys of the layout behind', async () => {
    const cell = randomUUID();
    const store = await openStore({ url: redis.url, cell });
    const change = { agentId: 'one', taskId: 't', assignment: assignment('t') };
    await store.commit(request([cluster('a')], { assignments: [change], commitId: 'first' }));
    const keys = cellKeys(cell);
    const expected = [
      keys.entities,
      keys.log,
      keys.head,
      keys.assigned('one'),
      keys.assignments('one'),
      keys.commit('first'),
    ];
    const reply = await redis.command('KEYS', `berth:{${cell}}:*`);
    const found = reply.split('\r\n').filter((line) => line.startsWith('berth:'));
    expect(found.toSorted()).toEqual(expected.toSorted());
    expect(await redis.command('PTTL', keys.commit('first'))).not.toBe(':-1\r\n');
    await store.close();
  });

  it('applies nothing of a commit that meets a key of another type, and says which', async () => {
    const cell = randomUUID();
    const store = await openStore({ url: redis.url, cell });
    const { assigned, heartbeats } = cellKeys(cell);
    await redis.command('SET', assigned('one'), 'x');
    await redis.command('SET', heartbeats, 'x');
    const change = { agentId: 'one', taskId: 't', assignment: assignment('t') };
    const refused = store.commit(request([cluster('a')], { assignments: [change] }));
    await expect(refused).rejects.toThrow(new RegExp(`${heartbeats} is a string and must be a zset`));
    await redis.command('DEL', heartbeats);
    const again = store.commit(request([cluster('a')], { assignments: [change] }));
    await expect(again).rejects.toThrow(new RegExp(`${assigned('one')} is a string and must be a hash`));
    expect(await store.openLogReader().head()).toEqual({ revision: 0, commitId: '' });
    await store.close();
  });

  it('writes a broken archive anew, since the commit is worth more', async () => {
    const cell = randomUUID();
    const store = await openStore({ url: redis.url, cell });
    await redis.command('SET', cellKeys(cell).archive('job'), 'x');
    const archive = [{ jobId: 'job', ttlMs: 60_000, fields: { job: Uint8Array.of(1) } }];
    expect((await store.commit(request([cluster('a')], { archive }))).ok).toBe(true);
    expect(await store.findArchivedField('job', 'job')).toEqual(Uint8Array.of(1));
    await store.close();
  });

  it('keeps the samples of one cell from the feeds of another', async () => {
    const stores = await Promise.all(['east', 'west'].map((cell) => openStore({ url: redis.url, cell })));
    const [east, west] = stores.map((store) => ear(store.openSampleFeed()));
    if (east === undefined || west === undefined) throw new Error('there are two stores');
    for (const [index, one] of [east, west].entries()) await untilHeard(stores[index] as CellStore, one);
    for (const [index, store] of stores.entries()) await store.publishSamples(sampleBatch(index + 1));
    await waitFor(() => real(east.heard).length > 0 && real(west.heard).length > 0);
    expect([real(east.heard), real(west.heard)]).toEqual([[sampleBatch(1)], [sampleBatch(2)]]);
    await Promise.all(stores.map((store) => store.close()));
  });

  it('logs once that Redis refuses the channel of samples', async () => {
    await redis.command('ACL', 'SETUSER', 'deaf', 'on', '>secret', '~*', '+@all', 'resetchannels');
    const { logger, lines } = recordingLogger();
    const url = redis.url.replace('//', '//deaf:secret@');
    const store = await openStore({ url, cell: 'deaf', log: logger });
    const one = ear(store.openSampleFeed());
    await waitFor(() => lines.length > 0, { what: 'the refusal is logged' });
    const refused = { code: 'failedPrecondition', message: /NOPERM/ };
    await expect(store.publishSamples(sampleBatch(1))).rejects.toMatchObject(refused);
    await redis.command('ACL', 'SETUSER', 'deaf', '&berth:*');
    await untilHeard(store, one);
    expect(lines.map(({ msg }) => msg)).toEqual([
      expect.stringMatching(/^samples cannot be received: .*NOPERM/),
    ]);
    await store.close();
  });

  it('skips a batch of samples that cannot be decoded', async () => {
    const { logger, lines } = recordingLogger();
    const store = await openStore({ url: redis.url, cell: 'garbled', log: logger });
    const one = ear(store.openSampleFeed());
    await untilHeard(store, one);
    await redis.command('SPUBLISH', cellKeys('garbled').samples, 'broken');
    await store.publishSamples(sampleBatch(1));
    await waitFor(() => real(one.heard).length > 0);
    expect(real(one.heard)).toEqual([sampleBatch(1)]);
    expect(lines.map(({ msg }) => msg)).toEqual([expect.stringContaining('cannot be decoded')]);
    await store.close();
  });

  storeContract(() => openStore({ url: redis.url, cell: randomUUID() }));

  describe('with the tuning off', () => {
    storeContract(() => openStore({ url: redis.url, cell: randomUUID(), tuning: 'off' }));
  });
});
