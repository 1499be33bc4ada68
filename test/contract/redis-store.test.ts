import { randomUUID } from 'node:crypto';
import { RedisStore } from '@berth/shared/store/redis-store';
import { afterAll, beforeAll, describe } from 'vitest';
import { skipRedisTests, startTestRedis, type TestRedis } from '../support/redis.js';
import { storeContract } from './store-contract.js';

describe.skipIf(skipRedisTests !== false)('the Redis store', () => {
  let redis: TestRedis;
  beforeAll(async () => {
    redis = await startTestRedis();
  });
  afterAll(() => redis.stop());

  storeContract(() => RedisStore.connect({ url: redis.url, cell: randomUUID() }));
});
