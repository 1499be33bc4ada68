import { describe, expect, it } from 'vitest';
import { namedCallers, type OpenStream, otherCallers, worstByCaller } from './metrics.js';

const stream = (caller: string, lagMs: number, method = 'ObserveJobs'): OpenStream => ({
  method,
  caller,
  pending: 0,
  lagMs: () => lagMs,
});
const lags = (...streams: readonly OpenStream[]) =>
  worstByCaller(new Set(streams), (one) => one.lagMs()).map(
    ([{ method, caller }, value]) => `${method} ${caller} ${value}`,
  );

describe('worstByCaller', () => {
  it('is the slowest stream of each caller and method', () => {
    expect(
      lags(stream('ada', 5), stream('ada', 9), stream('bob', 0), stream('ada', 1, 'Observe')).toSorted(),
    ).toEqual(['Observe ada 1', 'ObserveJobs ada 9', 'ObserveJobs bob 0']);
  });

  it('names the callers that are furthest behind, and counts all others as one', () => {
    const many = Array.from({ length: namedCallers + 30 }, (_, index) => stream(`caller${index}`, index));
    const labels = lags(...many);
    expect(labels).toHaveLength(namedCallers + 1);
    expect(labels[0]).toBe(`ObserveJobs caller${namedCallers + 29} ${namedCallers + 29}`);
    expect(labels.at(-1)).toBe(`ObserveJobs ${otherCallers} 29`);
  });
});
