import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Item } from '../core/items.js';
import { type BookmarkedStream, Bookmarks } from './bookmarks.js';

const commit = { revision: 7, commitId: 'c7', atMs: 1 };
let nowMs = 0;
let bookmarks: Bookmarks;

function silent(
  part: Partial<BookmarkedStream> = {},
): BookmarkedStream & { readonly told: (readonly Item[])[] } {
  const told: (readonly Item[])[] = [];
  const offer = (items: readonly Item[]) => void told.push(items);
  return { intervalMs: 1_000, lastSentMs: 0, pending: 0, flush: () => undefined, offer, told, ...part };
}

/** Looks after all streams once. */
function lookAt(atMs: number): void {
  nowMs = atMs;
  vi.advanceTimersByTime(100);
}

beforeEach(() => {
  vi.useFakeTimers();
  bookmarks = new Bookmarks(
    () => nowMs,
    () => commit,
  );
});
afterEach(() => {
  bookmarks.close();
  vi.useRealTimers();
});

describe('a bookmark', () => {
  it('is told to who has heard nothing for the interval, and has it all', () => {
    const [idle, lively, slow] = [silent(), silent({ lastSentMs: 900 }), silent({ pending: 1 })];
    for (const stream of [idle, lively, slow]) bookmarks.add(stream);
    lookAt(1_000);
    expect(idle.told).toEqual([[{ kind: 'bookmark', commit }]]);
    expect([lively.told, slow.told]).toEqual([[], []]);
    lookAt(1_100);
    expect(idle.told).toHaveLength(1);
  });

  it('does not overtake changes that others have been told of already', () => {
    const behind = silent();
    behind.flush = () => {
      behind.lastSentMs = nowMs;
    };
    bookmarks.add(behind);
    lookAt(1_000);
    expect(behind.told).toEqual([]);
  });

  it('comes also after the clock was set back', () => {
    const idle = silent({ lastSentMs: 10_000_000 });
    bookmarks.add(idle);
    lookAt(5);
    expect(idle.told).toEqual([]);
    lookAt(1_005);
    expect(idle.told).toHaveLength(1);
  });
});
