import { randomUUID } from 'node:crypto';
import { cellKeys } from '@berth/shared/store/keys';
import { RedisStore } from '@berth/shared/store/redis-store';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { recordingLogger } from '../support/recording-logger.js';
import { skipRedisTests, startTestRedis, type TestRedis } from '../support/redis.js';
import { storeContract } from './store-contract.js';
import { assignment, cluster, report, request } from './store-fixtures.js';

describe.skipIf(skipRedisTests !== false)('the Redis store', () => {
  let redis: TestRedis;
  beforeAll(async () => {
    redis = await startTestRedis();
  });
  afterAll(() => redis.stop());

  it('passes over a report that cannot be decoded, and does not read it again and again', async () => {
    const cell = randomUUID();
    const { logger, lines } = recordingLogger();
    const store = await RedisStore.connect({ url: redis.url, cell, log: logger });
    const { reports } = cellKeys(cell);
    await store.publish([report('t1')]);
    await redis.command('XADD', reports, '*', 'report', 'broken');
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

  it('leaves no key behind but those of the layout', async () => {
    const cell = randomUUID();
    const store = await RedisStore.connect({ url: redis.url, cell });
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

  storeContract(() => RedisStore.connect({ url: redis.url, cell: randomUUID() }));
});
