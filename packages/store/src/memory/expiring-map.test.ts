import { describe, expect, it } from 'vitest';
import { ExpiringMap } from './expiring-map.js';

describe('an expiring map', () => {
  it('forgets an entry at its time and keeps one without a time', () => {
    const map = new ExpiringMap<number>();
    map.set('short', 1, 10);
    map.set('long', 2);
    expect([map.get('short', 9), map.get('short', 10)]).toEqual([1, undefined]);
    expect(map.get('long', Number.MAX_SAFE_INTEGER)).toBe(2);
  });

  it('drops expired entries, from the oldest on', () => {
    const map = new ExpiringMap<number>();
    map.set('a', 1, 10);
    map.set('b', 2, 20);
    map.set('a', 3, 30);
    map.dropExpired(25);
    expect([map.get('a', 0), map.get('b', 0)]).toEqual([3, undefined]);
  });
});
