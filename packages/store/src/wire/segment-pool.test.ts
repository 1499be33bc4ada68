import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type PooledBytes, SegmentPool } from './segment-pool.js';

const segmentBytes = 64;
const bytesOf = (length: number, value: number) => Buffer.alloc(length, value);

describe('the segment pool', () => {
  it('returns the bytes that it was given, after any history', () => {
    const step = fc.record({
      length: fc.integer({ min: 0, max: segmentBytes + 20 }),
      keeps: fc.nat(6),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const memory = new SegmentPool(segmentBytes);
        const kept: { readonly piece: PooledBytes; readonly bytes: Buffer }[] = [];
        steps.forEach(({ length, keeps }, index) => {
          const bytes = bytesOf(length, index + 1);
          kept.push({ piece: memory.keep(bytes), bytes });
          while (kept.length > keeps) {
            const gone = kept.shift();
            if (gone !== undefined) memory.release(gone.piece);
          }
        });
        for (const { piece, bytes } of kept) {
          expect(piece.length).toBe(bytes.length);
          expect(piece.copy().equals(bytes)).toBe(true);
        }
      }),
    );
  });

  it('reuses released memory', () => {
    const memory = new SegmentPool(segmentBytes);
    const segments = new Set<object>();
    const kept: PooledBytes[] = [];
    for (let index = 0; index < 1_000; index += 1) {
      const piece = memory.keep(bytesOf(20, 1));
      segments.add(piece.segment);
      kept.push(piece);
      const oldest = kept.length > 9 ? kept.shift() : undefined;
      if (oldest !== undefined) memory.release(oldest);
    }
    expect(segments.size).toBeLessThan(8);
  });
});
