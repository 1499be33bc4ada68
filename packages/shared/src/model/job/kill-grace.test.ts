import { describe, expect, it } from 'vitest';
import { killGraceMsOf, killGraceParameter, killGraceProblem } from './kill-grace.js';

const bounds = { usualMs: 10_000, maxMs: 600_000 };
const graceOf = (text: string) => killGraceMsOf({ parameters: { [killGraceParameter]: text } }, bounds);

describe('the grace of a container', () => {
  it.each([
    ['25s', 25_000],
    ['1.5m', 90_000],
    ['0s', 0],
    ['5h', 600_000],
  ])('of %s is %i ms', (text, ms) => {
    expect(graceOf(text)).toBe(ms);
    expect(killGraceProblem(text)).toBeUndefined();
  });

  it('is the usual one if the container names none', () => {
    expect(killGraceMsOf({ parameters: {} }, bounds)).toBe(10_000);
    expect(killGraceMsOf(undefined, bounds)).toBe(10_000);
  });

  it.each(['25', '-1s', '1d', 's', '9999999999s'])('of %s is refused', (text) => {
    expect(killGraceProblem(text)).toMatch(/must be a time such as/);
  });
});
