import { expect, it } from 'vitest';
import { PendingVictims } from './pending-victims.js';

it('returns each preemptor once, when its last victim is gone', () => {
  const awaited = new PendingVictims();
  awaited.wait('a', ['x', 'y']);
  awaited.wait('b', ['y']);
  expect([awaited.isWaiting('a'), awaited.isAwaited('x'), awaited.isAwaited('a')]).toEqual([
    true,
    true,
    false,
  ]);
  expect(awaited.gone('y')).toEqual(['b']);
  expect(awaited.gone('y')).toEqual([]);
  expect(awaited.gone('x')).toEqual(['a']);
  expect([awaited.isWaiting('a'), awaited.isAwaited('x')]).toEqual([false, false]);
});

it('keeps nothing of a preemptor that waits no more', () => {
  const awaited = new PendingVictims();
  awaited.wait('a', ['x', 'y']);
  awaited.wait('b', ['y']);
  awaited.forget('a');
  expect([awaited.isWaiting('a'), awaited.isAwaited('x'), awaited.isAwaited('y')]).toEqual([
    false,
    false,
    true,
  ]);
  expect(awaited.gone('y')).toEqual(['b']);
});
