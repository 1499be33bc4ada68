import { describe, expect, it } from 'vitest';
import { memoizeOn } from './memoize-on.js';

describe('memoizeOn', () => {
  it('makes a value once for each owner and key', () => {
    let made = 0;
    const make = () => {
      made += 1;
      return made;
    };
    const [owner, other, key, otherKey] = [[], {}, {}, () => {}];
    expect([memoizeOn(owner, key, make), memoizeOn(owner, key, make)]).toEqual([1, 1]);
    expect([memoizeOn(owner, otherKey, make), memoizeOn(other, key, make)]).toEqual([2, 3]);
    expect(memoizeOn(owner, key, make)).toBe(1);
  });

  it('does not change its owner visibly', () => {
    const [list, key] = [['a'], {}];
    memoizeOn(list, key, () => 1);
    expect(list).toEqual(['a']);
    const owner = { a: 1 };
    memoizeOn(owner, key, () => 1);
    expect(owner).toEqual({ a: 1 });
    expect(memoizeOn({ ...owner }, key, () => 2)).toBe(2);
  });

  it('makes the value again after an error', () => {
    const owner = {};
    const fail = () => {
      throw new Error('not yet');
    };
    const key = {};
    expect(() => memoizeOn(owner, key, fail)).toThrow('not yet');
    expect(memoizeOn(owner, key, () => 'now')).toBe('now');
  });
});
