import { getEventListeners } from 'node:events';
import { systemClock } from '@berth/shared/process/clock';
import { describe, expect, it } from 'vitest';
import { RevisionWaiters } from './revision-waiters.js';

describe('a wait for a revision', () => {
  const limit = (signal: AbortSignal) => ({ timeoutMs: 60_000, clock: systemClock, signal });

  it('leaves no listener in a signal that lives as long as its leader', async () => {
    const term = new AbortController();
    const waiters = new RevisionWaiters();
    const waiting = waiters.wait(7, limit(term.signal));
    expect(getEventListeners(term.signal, 'abort')).toHaveLength(1);
    waiters.reached(6, 7);
    await waiting;
    expect(getEventListeners(term.signal, 'abort')).toEqual([]);
  });

  it('rejects with the reason of the signal', async () => {
    const term = new AbortController();
    const waiting = new RevisionWaiters().wait(7, limit(term.signal));
    term.abort(new Error('the term is over'));
    await expect(waiting).rejects.toThrow('the term is over');
  });
});
