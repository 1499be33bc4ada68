import { expect, it } from 'vitest';
import { tuned } from '../tuning/observe-tuning.js';
import { warmUp } from '../tuning/warm-up.js';
import { warmUpSteps } from './warm-up-steps.js';

it('the warm-up makes snapshots of both APIs and a backfill, with more bytes than V8 takes for cold code', () => {
  const tasksAtLeastBytes = 4 * 3 * 3_000 * 500;
  expect(warmUp(warmUpSteps(tuned))).toBeGreaterThan(tasksAtLeastBytes);
});
