import { describe, expect, it } from 'vitest';
import { SampleWindow } from './sample-window.js';

const batch = (taskId: string, values: Record<string, number>) => ({
  agentId: 'agent-1',
  samples: [{ taskId, atMs: 0, values }],
});

describe('the window of samples', () => {
  it('holds the newest sample of each task of a watched job, and the metrics asked for only', () => {
    const window = new SampleWindow();
    window.watch('a', new Set(['x', 'y']));
    expect(window.add(batch('a.0-0', { x: 1, z: 9 }), 0)).toBe(1);
    window.add(batch('a.0-0', { x: 2, y: 3, z: 9 }), 5);
    expect(window.latest('a', ['a.0-0', 'a.1-0'], 0)).toEqual([{ x: 2, y: 3 }]);
  });

  it('takes nothing of other jobs', () => {
    const window = new SampleWindow();
    window.watch('a', new Set(['x']));
    expect(window.add(batch('b.0-0', { x: 1 }), 0)).toBe(0);
    expect(window.size).toBe(0);
  });

  it('tells only what was heard lately, whatever the agent takes the time to be', () => {
    const window = new SampleWindow();
    window.watch('a', new Set(['x']));
    window.add(batch('a.0-0', { x: 1 }), 100);
    expect(window.latest('a', ['a.0-0'], 100)).toHaveLength(1);
    expect(window.latest('a', ['a.0-0'], 101)).toEqual([]);
  });

  it('makes the mean of the last two samples of a task, of the metrics that both have', () => {
    const window = new SampleWindow();
    window.watch('a', new Set(['x', 'y']));
    window.add(batch('a.0-0', { x: 100 }), 0);
    window.add(batch('a.0-0', { x: 1 }), 5);
    window.add(batch('a.0-0', { x: 3, y: 7 }), 10);
    expect(window.meanOfTwo('a', ['a.0-0'], 0)).toEqual([{ x: 2, y: 7 }]);
  });

  it('forgets tasks that are gone, and jobs that are watched no more', () => {
    const window = new SampleWindow();
    window.watch('a', new Set(['x']));
    window.watch('b', new Set(['x']));
    for (const id of ['a.0-0', 'a.1-0', 'b.0-0']) window.add(batch(id, { x: 1 }), 0);
    window.retain('a', ['a.1-0']);
    expect(window.size).toBe(2);
    window.unwatch('b');
    expect(window.size).toBe(1);
    expect(window.latest('a', ['a.0-0', 'a.1-0'], 0)).toHaveLength(1);
  });
});
