import { expect, it } from 'vitest';
import { warmUpStreams } from './warm-up-steps.js';

it('makes whole snapshots, of both kinds, and tells of as many changes, more than V8 would take for a cold loop', () => {
  const tasksAtLeastBytes = 4 * 3 * 3_000 * 500;
  expect(warmUpStreams()).toBeGreaterThan(tasksAtLeastBytes);
});
