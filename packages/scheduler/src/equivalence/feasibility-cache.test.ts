import { expect, it } from 'vitest';
import { Verdicts } from './feasibility-cache.js';

it('knows what was noted of an agent, and nothing of others', () => {
  const verdicts = new Verdicts();
  expect(verdicts.of(0)).toBeUndefined();
  verdicts.note(2, true, 3);
  verdicts.note(0, false, 3);
  expect([0, 1, 2, 3].map((index) => verdicts.of(index))).toEqual([false, undefined, true, undefined]);
});

it('keeps what it knows when agents come that it has no room for yet', () => {
  const verdicts = new Verdicts();
  verdicts.note(0, true, 1);
  verdicts.note(700, false, 20);
  expect([verdicts.of(0), verdicts.of(19), verdicts.of(700)]).toEqual([true, undefined, false]);
});
