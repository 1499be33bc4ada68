import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { linkAbort } from './linked-abort.js';

describe('a linked abort', () => {
  it('aborts with its parent', () => {
    const parent = new AbortController();
    const link = linkAbort(parent.signal);
    expect(link.signal.aborted).toBe(false);
    parent.abort();
    expect(link.signal.aborted).toBe(true);
    expect(linkAbort(parent.signal).signal.aborted).toBe(true);
  });

  it('ends alone, and leaves nothing behind in its parent', () => {
    const parent = new AbortController();
    const link = linkAbort(parent.signal);
    link.end();
    link.end();
    expect([link.signal.aborted, parent.signal.aborted]).toEqual([true, false]);
    expect(getEventListeners(parent.signal, 'abort')).toEqual([]);
  });

  it('causes no warning of Node.js if there are many', async () => {
    const warnings: Error[] = [];
    const note = (warning: Error) => warnings.push(warning);
    process.on('warning', note);
    const parent = new AbortController();
    const links = Array.from({ length: 50 }, () => linkAbort(parent.signal));
    await new Promise((resolve) => setImmediate(resolve));
    process.off('warning', note);
    expect(warnings).toEqual([]);
    for (const link of links) link.end();
  });

  it('needs no parent', () => {
    const link = linkAbort(undefined);
    expect(link.signal.aborted).toBe(false);
    link.end();
    expect(link.signal.aborted).toBe(true);
  });
});
