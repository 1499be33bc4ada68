import { describe, expect, it } from 'vitest';
import { AgeHistogram } from './age-histogram.js';

describe('AgeHistogram', () => {
  it('returns the time at which a position was filled', () => {
    const marks = new AgeHistogram(64);
    marks.add(1, 10);
    marks.add(5, 20);
    marks.add(6, 30);
    expect([0, 1, 4, 5, 6, 99].map((position) => marks.at(position))).toEqual([
      undefined,
      10,
      10,
      20,
      30,
      30,
    ]);
  });

  it('never returns a later time, nor a much earlier one, for any number of positions', () => {
    const marks = new AgeHistogram(64);
    const count = 10_000;
    for (let position = 1; position <= count; position += 1) marks.add(position, position);
    for (let position = 1; position <= count; position += 7) {
      const atMs = marks.at(position) ?? 0;
      expect(atMs).toBeLessThanOrEqual(position);
      expect(position - atMs).toBeLessThanOrEqual(count / 16);
    }
  });

  it('returns the exact time of any position if it keeps all marks', () => {
    const marks = new AgeHistogram(Number.POSITIVE_INFINITY);
    const positions = Array.from({ length: 1_000 }, (_, index) => index + 1);
    for (const position of positions) marks.add(position, position * 3);
    expect(positions.map((position) => marks.at(position))).toEqual(
      positions.map((position) => position * 3),
    );
  });
});
