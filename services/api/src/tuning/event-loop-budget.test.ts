import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { EventLoopBudget } from './event-loop-budget.js';

describe('EventLoopBudget', () => {
  it('limits the work of all callers in one turn, and resumes them in order in later turns', async () => {
    const budget = new EventLoopBudget(10);
    const done: string[] = [];
    const work = (name: string, left: number): void => {
      for (let rest = left; rest > 0; rest -= 1) {
        if (!budget.mayGoOn(() => work(name, rest))) return;
        budget.spend(4);
        done.push(name);
      }
    };
    work('a', 5);
    work('b', 4);
    expect(done).toEqual(['a', 'a', 'a']);
    await nextTurn();
    expect(done.slice(3)).toEqual(['a', 'a', 'b']);
    await nextTurn();
    expect(done.slice(6)).toEqual(['b', 'b', 'b']);
  });
});
