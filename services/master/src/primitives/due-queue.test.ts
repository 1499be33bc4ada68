import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DueQueue } from './due-queue.js';

describe('the due queue', () => {
  it('gives out each key once, the soonest first, when its time has come', () => {
    const due = new DueQueue();
    due.set('late', 30);
    due.set('soon', 10);
    due.set('next', 20);
    expect(due.nextMs()).toBe(10);
    expect(due.takeDue(20)).toEqual(['soon', 'next']);
    expect(due.takeDue(20)).toEqual([]);
    expect(due.nextMs()).toBe(30);
  });

  it('knows only the newest time of a key', () => {
    const due = new DueQueue();
    due.set('a', 10);
    due.set('a', 50);
    expect(due.nextMs()).toBe(50);
    due.set('a', 5);
    expect(due.takeDue(60)).toEqual(['a']);
  });

  it('takes a key out for Infinity', () => {
    const due = new DueQueue();
    due.set('a', 10);
    due.set('a', Number.POSITIVE_INFINITY);
    expect([due.nextMs(), due.size]).toEqual([Number.POSITIVE_INFINITY, 0]);
  });

  it('brings a time forward, and never puts it off', () => {
    const due = new DueQueue();
    due.bringForward('a', 20);
    due.bringForward('a', 30);
    expect(due.nextMs()).toBe(20);
    due.bringForward('a', 10);
    expect(due.nextMs()).toBe(10);
  });

  it('holds no more than about twice its keys, however often times are moved', () => {
    const due = new DueQueue();
    for (let index = 0; index < 10_000; index++) due.set(`key-${index % 50}`, 1e6 + index);
    expect(due.size).toBe(50);
    expect(due.entries).toBeLessThanOrEqual(2 * 50 + 65);
  });

  it('returns the same keys as a search through all times', () => {
    const step = fc.tuple(fc.constantFrom('set', 'bring', 'take'), fc.nat(5), fc.nat(40));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const due = new DueQueue();
        const plain = new Map<string, number>();
        for (const [what, key, atMs] of steps) {
          const name = `key-${key}`;
          if (what === 'set') {
            due.set(name, atMs);
            plain.set(name, atMs);
          } else if (what === 'bring') {
            due.bringForward(name, atMs);
            plain.set(name, Math.min(atMs, plain.get(name) ?? atMs));
          } else {
            const expected = [...plain].filter(([, time]) => time <= atMs).map(([id]) => id);
            for (const id of expected) plain.delete(id);
            expect(due.takeDue(atMs).toSorted()).toEqual(expected.toSorted());
          }
          expect(due.nextMs()).toBe(Math.min(Number.POSITIVE_INFINITY, ...plain.values()));
          expect(due.size).toBe(plain.size);
        }
      }),
    );
  });
});
