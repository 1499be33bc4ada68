import { describe, expect, it } from 'vitest';
import { plain, tuned } from '../../tuning/observe-tuning.js';
import type { BatchConflation } from './core/conflation.js';
import { PendingBatches } from './pending-batches.js';

interface Note {
  readonly of: string;
  readonly version: number;
  readonly isLate?: boolean;
}

/** A mark is of '!'. */
const conflation: BatchConflation<Note> = {
  subjectOf: ({ of }) => of,
  isOpening: () => false,
  sizeOf: () => 1,
  isMarker: ({ of }) => of === '!',
  outOfOrder: (note) => ({ ...note, isLate: true }),
  caughtUp: ({ version }) => ({ of: 'caught up', version }),
  late: (mark, { version }) => ({ ...mark, version: Math.max(mark.version, version) }),
};

const note = (of: string, version: number): Note => ({ of, version });
const all = (queue: PendingBatches<Note>) => {
  const taken: string[] = [];
  for (let batch = queue.take(); batch !== undefined; batch = queue.take())
    taken.push(...batch.map(({ of, version, isLate }) => `${of}${version}${isLate ? '?' : ''}`));
  return taken;
};

describe.each([
  ['on', tuned],
  ['off', plain],
])('PendingBatches, with the tuning %s', (_, tuning) => {
  it('returns the same batches that were added, below its bound', () => {
    const queue = new PendingBatches(conflation, 10, tuning);
    const [first, second] = [[note('a', 1), note('b', 1)], [note('a', 2)]];
    queue.add(first);
    queue.add(second);
    expect(queue.size).toBe(3);
    expect([queue.take(), queue.take(), queue.take()]).toEqual([first, second, undefined]);
  });

  it('keeps the newest of each subject above its bound, marks them, and reports when all have been taken', () => {
    const queue = new PendingBatches(conflation, 2, tuning);
    for (let version = 1; version <= 9; version += 1) queue.add([note('a', version), note('b', version)]);
    expect(queue.size).toBeLessThan(6);
    const taken = all(queue);
    expect(taken.slice(-3)).toEqual(['a9?', 'b9?', 'caught up9']);
    queue.add([note('a', 10)]);
    expect(all(queue)).toEqual(['a10']);
  });

  it('lets no marker overtake earlier notifications or their replacements', () => {
    const queue = new PendingBatches(conflation, 2, tuning);
    queue.add([note('a', 1), note('b', 1), note('c', 1)]);
    queue.add([note('!', 1)]);
    queue.add([note('a', 2)]);
    const taken = all(queue);
    expect(taken.indexOf('!2')).toBe(taken.length - 1);
    expect(taken).toContain('a2?');
  });

  it('knows the age of the oldest notification, also if it replaced an earlier one', () => {
    const queue = new PendingBatches(conflation, 3, tuning);
    expect(queue.oldestAtMs).toBeUndefined();
    queue.add([note('a', 1)], 10);
    queue.add([note('b', 1)], 20);
    expect(queue.oldestAtMs).toBe(10);
    queue.take();
    expect(queue.oldestAtMs).toBe(20);
    for (let version = 2; version <= 9; version += 1) queue.add([note('a', version)], version * 100);
    // The oldest is still that of b.
    expect(queue.oldestAtMs).toBe(20);
    queue.add([note('b', 2)], 1_000);
    queue.add([note('a', 10)], 1_100);
    expect(queue.oldestAtMs).toBeGreaterThan(20);
    all(queue);
    expect(queue.oldestAtMs).toBeUndefined();
  });

  it('moves markers that waited for later notifications to the commit of those', () => {
    const queue = new PendingBatches(conflation, 2, tuning);
    queue.add([note('a', 1), note('b', 1), note('c', 1)]);
    queue.add([note('!', 1), note('!', 7)]);
    queue.add([note('a', 2)]);
    expect(all(queue).slice(-3)).toEqual(['caught up2', '!2', '!7']);
  });
});
