import { expect, it } from 'vitest';
import { slowMs, slowStreams } from './slow-streams.js';

it('names the callers of slow streams, the slowest first', () => {
  const stream = (caller: string, lagMs: number) => ({
    method: 'Observe',
    caller,
    pending: 1,
    lagMs: () => lagMs,
  });
  const all = [stream('ada', slowMs - 1), stream('bob', slowMs), stream('eve', slowMs * 2)];
  expect(slowStreams(all).map(({ caller }) => caller)).toEqual(['eve', 'bob']);
});
