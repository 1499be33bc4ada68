import { describe, expect, it } from 'vitest';
import { Semaphore } from './semaphore.js';

describe('a semaphore', () => {
  it('runs calls up to its limit, and the others in order, even after failures', async () => {
    const semaphore = new Semaphore(2);
    const order: number[] = [];
    let running = 0;
    let most = 0;
    const job = (number: number) => async () => {
      running += 1;
      most = Math.max(most, running);
      order.push(number);
      await Promise.resolve();
      running -= 1;
      if (number === 3) throw new Error('three fails');
      return number;
    };
    const results = await Promise.allSettled([1, 2, 3, 4, 5].map((number) => semaphore.run(job(number))));
    expect(results.map(({ status }) => status)).toEqual([
      'fulfilled',
      'fulfilled',
      'rejected',
      'fulfilled',
      'fulfilled',
    ]);
    expect(most).toBe(2);
    expect(order).toEqual([1, 2, 3, 4, 5]);
  });
});
