import { expect, it } from 'vitest';
import { parseDurationMs } from './duration.js';

it.each([
  ['90', 90_000],
  ['0.5', 500],
  ['250ms', 250],
  ['90s', 90_000],
  ['10m', 600_000],
  ['1h30m', 5_400_000],
  ['1.5d', 129_600_000],
  ['', undefined],
  ['soon', undefined],
  ['10 m', undefined],
  ['-5s', undefined],
])('the time %j is %j ms', (text, ms) => {
  expect(parseDurationMs(text)).toBe(ms);
});
