import { describe, expect, it } from 'vitest';
import { nearest } from './did-you-mean.js';

describe('the nearest word', () => {
  it('is one that differs by a slip or two', () => {
    expect(nearest('emial', ['report', 'email'])).toBe('email');
    expect(nearest('Repor', ['report', 'email'])).toBe('report');
    expect(nearest('backup', ['report', 'email'])).toBeUndefined();
  });

  it('is found at once, also where what is asked for fills a whole message', () => {
    const known = Array.from({ length: 1000 }, (_, index) => `kind-${index}`);
    const beganMs = performance.now();
    expect(nearest('x'.repeat(100_000), known)).toBeUndefined();
    expect(performance.now() - beganMs).toBeLessThan(1_000);
  });
});
