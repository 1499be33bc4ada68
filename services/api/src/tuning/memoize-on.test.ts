import { describe, expect, it } from 'vitest';
import { keptWith } from './memoize-on.js';

describe('keptWith', () => {
  it('makes a value once for each owner and key', () => {
    let made = 0;
    const make = () => {
      made += 1;
      return made;
    };
    const [owner, other, key, otherKey] = [[], {}, {}, () => {}];
    expect([keptWith(owner, key, make), keptWith(owner, key, make)]).toEqual([1, 1]);
    expect([keptWith(owner, otherKey, make), keptWith(other, key, make)]).toEqual([2, 3]);
    expect(keptWith(owner, key, make)).toBe(1);
  });

  it('leaves its owner the same to all who look', () => {
    const [list, key] = [['a'], {}];
    keptWith(list, key, () => 1);
    expect(list).toEqual(['a']);
    const owner = { a: 1 };
    keptWith(owner, key, () => 1);
    expect(owner).toEqual({ a: 1 });
    expect(keptWith({ ...owner }, key, () => 2)).toBe(2);
  });

  it('makes it again where nothing came of it', () => {
    const owner = {};
    const fail = () => {
      throw new Error('not yet');
    };
    const key = {};
    expect(() => keptWith(owner, key, fail)).toThrow('not yet');
    expect(keptWith(owner, key, () => 'now')).toBe('now');
  });
});
