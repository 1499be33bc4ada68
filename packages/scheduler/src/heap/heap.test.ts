import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Heap } from './heap.js';

const isBefore = (a: { value: number }, b: { value: number }) => a.value < b.value;

describe('a heap', () => {
  it('gives its items in order, those that have become greater included', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(50)), fc.array(fc.nat(20)), (values, additions) => {
        const half = values.length >> 1;
        const heap = new Heap(
          values.slice(half).map((value) => ({ value })),
          isBefore,
        );
        for (const value of values.slice(0, half)) heap.push({ value });
        expect(heap.size).toBe(values.length);
        const plain = values.map((value) => ({ value }));
        const least = () => plain.sort((a, b) => a.value - b.value)[0];
        for (const more of additions) {
          expect(heap.first?.value).toBe(least()?.value);
          if (heap.first === undefined || plain[0] === undefined) break;
          if (more % 2 === 0) heap.replaceFirst({ value: heap.first.value + more });
          else {
            heap.first.value += more;
            heap.sinkFirst();
          }
          plain[0].value += more;
        }
        while (heap.first !== undefined) {
          expect(heap.first.value).toBe(least()?.value);
          heap.dropFirst();
          plain.shift();
        }
        expect(plain).toEqual([]);
      }),
    );
  });
});
