import { describe, expect, it } from 'vitest';
import { didYouMean } from './did-you-mean.js';

describe('the nearest word', () => {
  it('differs by at most two letters', () => {
    expect(didYouMean('emial', ['report', 'email'])).toBe('email');
    expect(didYouMean('Repor', ['report', 'email'])).toBe('report');
    expect(didYouMean('backup', ['report', 'email'])).toBeUndefined();
  });

  it('is found at once, even for a text of a full message', () => {
    const known = Array.from({ length: 1000 }, (_, index) => `kind-${index}`);
    const beganMs = performance.now();
    expect(didYouMean('x'.repeat(100_000), known)).toBeUndefined();
    expect(performance.now() - beganMs).toBeLessThan(1_000);
  });
});
