import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SlabCopies } from './slab-copies.js';

describe('SlabCopies', () => {
  it('make copies that do not change with their originals', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 9_000 }), { maxLength: 40 }), (lengths) => {
        const copies = new SlabCopies();
        const made = lengths.map((length, index) => {
          const part = Buffer.alloc(length, index + 1);
          const copy = copies.of(part);
          part.fill(0);
          return copy;
        });
        made.forEach((copy, index) => {
          expect(copy).toHaveLength(lengths[index] ?? 0);
          expect(copy.every((byte) => byte === index + 1)).toBe(true);
        });
      }),
    );
  });

  it('share memory between small copies only', () => {
    const copies = new SlabCopies();
    const memories = new Set(Array.from({ length: 400 }, () => copies.of(Buffer.alloc(800)).buffer));
    expect(memories.size).toBeLessThanOrEqual(100);
    for (const { byteLength } of memories) expect(byteLength).toBeLessThanOrEqual(4096);
    expect(copies.of(Buffer.alloc(3_000)).buffer.byteLength).toBe(3_000);
  });
});
