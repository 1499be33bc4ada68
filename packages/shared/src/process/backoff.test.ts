import { describe, expect, it } from 'vitest';
import { backoff, delayAfter, retry } from './backoff.js';
import type { Clock } from './clock.js';
import { silentLogger } from './logger.js';
import { systemRandom } from './random.js';

const policy = { initialMs: 100, maxMs: 1000, jitter: 0.5 };

/** A clock that ends every sleep at once and records it. */
function instantClock(): Clock & { readonly slept: number[] } {
  const slept: number[] = [];
  return { slept, nowMs: () => 0, sleep: async (ms) => void slept.push(ms) };
}

describe('a backoff', () => {
  it('doubles up to the longest delay, and starts over when it is reset', () => {
    const delays = backoff(policy, { ...systemRandom, fraction: () => 0 });
    expect([1, 2, 3, 4, 5, 6].map(() => delays.nextMs())).toEqual([100, 200, 400, 800, 1000, 1000]);
    delays.reset();
    expect(delays.nextMs()).toBe(100);
  });

  it('shortens a delay by at most the jitter', () => {
    expect(delayAfter(policy, 1, 0)).toBe(200);
    expect(delayAfter(policy, 1, 0.5)).toBe(150);
    expect(delayAfter(policy, 1, 0.999_999)).toBe(100);
  });

  it('stays at the longest delay for any number of failures', () => {
    expect(delayAfter(policy, 1e6, 0)).toBe(1000);
  });
});

describe('a retry', () => {
  it('continues until the attempt succeeds, with growing delays', async () => {
    const clock = instantClock();
    let attempts = 0;
    const attempt = async () => {
      attempts += 1;
      if (attempts < 4) throw new Error('refused');
      return 'done';
    };
    const options = { clock, log: silentLogger, what: 'connect', policy: { ...policy, jitter: 0 } };
    expect(await retry(attempt, options)).toBe('done');
    expect(clock.slept).toEqual([100, 200, 400]);
  });

  it('gives up at once on a permanent error', async () => {
    const clock = instantClock();
    const options = { clock, log: silentLogger, what: 'connect', isRetryable: () => false };
    await expect(retry(() => Promise.reject(new Error('wrong password')), options)).rejects.toThrow(
      'wrong password',
    );
    expect(clock.slept).toEqual([]);
  });

  it("ends with the signal's reason when it aborts", async () => {
    const stop = new AbortController();
    const clock: Clock = { nowMs: () => 0, sleep: async () => stop.abort(new Error('stopping')) };
    const options = { clock, log: silentLogger, what: 'connect', signal: stop.signal };
    await expect(retry(() => Promise.reject(new Error('refused')), options)).rejects.toThrow('stopping');
  });
});
