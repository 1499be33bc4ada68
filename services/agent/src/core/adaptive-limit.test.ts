import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AdaptiveLimit, afterLaunch, limitBounds, newAdaptiveLimit } from './adaptive-limit.js';

/** Feeds launches on an engine with `workers` places that needs `serviceMs` for each launch. */
function underLoad(
  state: AdaptiveLimit,
  engine: { workers: number; serviceMs: number },
  launches: number,
): AdaptiveLimit {
  let after = state;
  for (let count = 0; count < launches; count += 1) {
    const inFlight = after.limit;
    const latencyMs = engine.serviceMs * Math.max(1, inFlight / engine.workers);
    after = afterLaunch(after, { latencyMs, inFlight });
  }
  return after;
}

describe('the limit on concurrent launches', () => {
  it('begins at twelve', () => {
    expect(newAdaptiveLimit().limit).toBe(12);
  });

  it('stays at a few on an engine that does two launches at one time', () => {
    const quiet = afterLaunch(newAdaptiveLimit(), { latencyMs: 350, inFlight: 1 });
    const { limit } = underLoad(quiet, { workers: 2, serviceMs: 350 }, 400);
    expect(limit).toBeGreaterThanOrEqual(2);
    expect(limit).toBeLessThanOrEqual(5);
  });

  it('does not grow without bound on an engine that was never idle', () => {
    const few = underLoad(newAdaptiveLimit(4), { workers: 2, serviceMs: 350 }, 400);
    expect(few.limit).toBeLessThanOrEqual(5);
    const initial = underLoad(newAdaptiveLimit(), { workers: 2, serviceMs: 350 }, 400);
    expect(initial.limit).toBeLessThanOrEqual(limitBounds.initial + 1);
  });

  it('grows to the bound on a large engine', () => {
    const { limit } = underLoad(newAdaptiveLimit(), { workers: 64, serviceMs: 200 }, 400);
    expect(limit).toBe(limitBounds.max);
  });

  it('falls when launches begin to queue inside the engine', () => {
    const grown = underLoad(newAdaptiveLimit(), { workers: 64, serviceMs: 200 }, 400);
    const { limit } = underLoad(grown, { workers: 2, serviceMs: 200 }, 400);
    expect(limit).toBeLessThanOrEqual(6);
  });

  it('does not change after one slow launch', () => {
    const steady = underLoad(newAdaptiveLimit(), { workers: 4, serviceMs: 300 }, 64);
    const afterSlow = underLoad(
      afterLaunch(steady, { latencyMs: 30_000, inFlight: steady.limit }),
      { workers: 4, serviceMs: 300 },
      7,
    );
    expect(afterSlow.limit).toBeGreaterThanOrEqual(steady.limit - 1);
  });

  it('recovers on an engine that has become slower for good', () => {
    const quick = underLoad(newAdaptiveLimit(), { workers: 16, serviceMs: 100 }, 200);
    const { limit } = underLoad(quick, { workers: 16, serviceMs: 400 }, 2_000);
    expect(limit).toBeGreaterThanOrEqual(8);
  });

  it('does not rise for launches that left a part of it unused', () => {
    let state = newAdaptiveLimit();
    for (let count = 0; count < 100; count += 1) state = afterLaunch(state, { latencyMs: 200, inFlight: 1 });
    expect(state.limit).toBe(limitBounds.initial);
  });

  it('keeps its bounds on any engine', () => {
    const sample = fc.record({
      latencyMs: fc.oneof(fc.integer({ min: 0, max: 100_000 }), fc.constant(0)),
      inFlight: fc.integer({ min: 1, max: 32 }),
    });
    fc.assert(
      fc.property(fc.array(sample, { maxLength: 300 }), (samples) => {
        let state = newAdaptiveLimit();
        for (const each of samples) {
          const before = state.limit;
          state = afterLaunch(state, each);
          expect(state.limit).toBeGreaterThanOrEqual(limitBounds.min);
          expect(state.limit).toBeLessThanOrEqual(limitBounds.max);
          expect(Math.abs(state.limit - before)).toBeLessThanOrEqual(1);
        }
      }),
    );
  });
});
