import { expect, it } from 'vitest';
import { warmUpSnapshots } from './warm-up.js';

it('makes whole snapshots, of both kinds, of more than V8 would take for a cold loop', () => {
  const tasksAtLeastBytes = 4 * 2 * 3_000 * 500;
  expect(warmUpSnapshots()).toBeGreaterThan(tasksAtLeastBytes);
});
