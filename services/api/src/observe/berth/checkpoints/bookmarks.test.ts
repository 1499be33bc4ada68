import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Item } from '../core/items.js';
import { type BookmarkedStream, Bookmarks } from './bookmarks.js';

const commit = { revision: 7, commitId: 'c7', atMs: 1 };
let nowMs = 0;
let bookmarks: Bookmarks;

function silent(
  part: Partial<BookmarkedStream> = {},
): BookmarkedStream & { readonly sent: (readonly Item[])[] } {
  const sent: (readonly Item[])[] = [];
  const offer = (items: readonly Item[]) => void sent.push(items);
  return { intervalMs: 1_000, lastSentMs: 0, pending: 0, flush: () => undefined, offer, sent, ...part };
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
  it('is sent to a stream that was silent for the interval, and has nothing pending', () => {
    const [idle, lively, slow] = [silent(), silent({ lastSentMs: 900 }), silent({ pending: 1 })];
    for (const stream of [idle, lively, slow]) bookmarks.add(stream);
    lookAt(1_000);
    expect(idle.sent).toEqual([[{ kind: 'bookmark', commit }]]);
    expect([lively.sent, slow.sent]).toEqual([[], []]);
    lookAt(1_100);
    expect(idle.sent).toHaveLength(1);
  });

  it('does not overtake changes that other streams have got already', () => {
    const behind = silent();
    behind.flush = () => {
      behind.lastSentMs = nowMs;
    };
    bookmarks.add(behind);
    lookAt(1_000);
    expect(behind.sent).toEqual([]);
  });

  it('comes also after the clock was set back', () => {
    const idle = silent({ lastSentMs: 10_000_000 });
    bookmarks.add(idle);
    lookAt(5);
    expect(idle.sent).toEqual([]);
    lookAt(1_005);
    expect(idle.sent).toHaveLength(1);
  });
});
