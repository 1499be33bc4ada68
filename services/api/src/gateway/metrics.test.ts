import { expect, it } from 'vitest';
import { type OpenStream, worstByMethod } from './metrics.js';

const stream = (caller: string, lagMs: number, method = 'ObserveJobs'): OpenStream => ({
  method,
  caller,
  pending: 0,
  lagMs: () => lagMs,
});

it('the metrics of streams tell the slowest one of each method, whoever calls', () => {
  const streams = [stream('ada', 5), stream('bob', 9), stream('ada', 1, 'Observe')];
  expect([...worstByMethod(new Set(streams), (each) => each.lagMs())]).toEqual([
    ['ObserveJobs', 9],
    ['Observe', 1],
  ]);
});
