import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fullBucket, take } from './token-bucket.js';

const policy = { capacity: 10, refillPerSecond: 5 };

describe('a token bucket', () => {
  it('admits its capacity at once, then as much as it refills', () => {
    let bucket = fullBucket(policy, 0);
    for (let taken = 0; taken < 10; taken += 1) {
      const result = take(bucket, 1, policy, 0);
      if (!('bucket' in result)) throw new Error('refused too early');
      bucket = result.bucket;
    }
    expect(take(bucket, 1, policy, 0)).toEqual({ retryAfterMs: 200 });
    expect(take(bucket, 2, policy, 100)).toEqual({ retryAfterMs: 300 });
    expect(take(bucket, 1, policy, 200)).toEqual({ bucket: { tokens: 0, atMs: 200 } });
  });

  it('never admits more than its capacity and refills, and keeps its promised times', () => {
    const asks = fc.array(fc.record({ waitMs: fc.nat(1000), cost: fc.integer({ min: 1, max: 15 }) }));
    fc.assert(
      fc.property(asks, (all) => {
        let bucket = fullBucket(policy, 0);
        let nowMs = 0;
        let given = 0;
        for (const { waitMs, cost } of all) {
          nowMs += waitMs;
          const result = take(bucket, cost, policy, nowMs);
          if ('retryAfterMs' in result) {
            expect(result.retryAfterMs).toBeGreaterThan(0);
            expect('bucket' in take(bucket, cost, policy, nowMs + result.retryAfterMs)).toBe(true);
            expect('bucket' in take(bucket, cost, policy, nowMs + result.retryAfterMs - 2)).toBe(false);
          } else {
            bucket = result.bucket;
            given += Math.min(cost, policy.capacity);
          }
          expect(given).toBeLessThanOrEqual(policy.capacity + (nowMs / 1000) * policy.refillPerSecond + 1e-3);
        }
      }),
    );
  });
});
