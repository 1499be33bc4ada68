import { expect, it } from 'vitest';
import { FeasibilityCache } from './feasibility-cache.js';

it('knows the stored results of agents, and none of others', () => {
  const cache = new FeasibilityCache();
  expect(cache.of(0)).toBeUndefined();
  cache.set(2, true, 3);
  cache.set(0, false, 3);
  expect([0, 1, 2, 3].map((index) => cache.of(index))).toEqual([false, undefined, true, undefined]);
});

it('keeps its results when agents come beyond its size', () => {
  const cache = new FeasibilityCache();
  cache.set(0, true, 1);
  cache.set(700, false, 20);
  expect([cache.of(0), cache.of(19), cache.of(700)]).toEqual([true, undefined, false]);
});
