import { describe, expect, it } from 'vitest';
import { MemoryStream, streamStart } from './memory-stream.js';

function filled(count: number, maxLength = 1_000): MemoryStream<number> {
  const stream = new MemoryStream<number>(maxLength);
  for (let value = 1; value <= count; value += 1) stream.add(value);
  return stream;
}

describe('a stream in memory', () => {
  it('returns the items after a position, up to the limit', () => {
    const stream = filled(5);
    expect(stream.after(streamStart).map(({ value }) => value)).toEqual([1, 2, 3, 4, 5]);
    expect(stream.after('2-0', 2).map(({ id }) => id)).toEqual(['3-0', '4-0']);
    expect(stream.after(stream.lastId)).toEqual([]);
  });

  it('drops items below an id, and the oldest if it is full; ids stay', () => {
    const stream = filled(5);
    stream.dropBelow('3-0');
    expect(stream.after(streamStart).map(({ value }) => value)).toEqual([3, 4, 5]);
    stream.dropBelow('3-1');
    expect(stream.after(streamStart).map(({ value }) => value)).toEqual([4, 5]);
    stream.clear();
    stream.add(6);
    expect(stream.after(streamStart)).toEqual([{ id: '6-0', value: 6 }]);
    expect(filled(200, 100).length).toBeLessThanOrEqual(110);
  });
});
