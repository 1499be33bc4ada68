import { describe, expect, it } from 'vitest';
import { SampleWindow } from './sample-window.js';

const batch = (taskId: string, values: Record<string, number>) => ({
  agentId: 'agent-1',
  samples: [{ taskId, atMs: 0, values }],
});

describe('the window of samples', () => {
  it('holds the newest sample of each task of a watched job, with the requested metrics only', () => {
    const window = new SampleWindow();
    window.watch('a', new Set(['x', 'y']));
    expect(window.add(batch('a.0-0', { x: 1, z: 9 }), 0)).toBe(1);
    window.add(batch('a.0-0', { x: 2, y: 3, z: 9 }), 5);
    expect(window.latest('a', ['a.0-0', 'a.1-0'], 0)).toEqual([{ x: 2, y: 3 }]);
  });

  it('ignores other jobs', () => {
    const window = new SampleWindow();
    window.watch('a', new Set(['x']));
    expect(window.add(batch('b.0-0', { x: 1 }), 0)).toBe(0);
    expect(window.size).toBe(0);
  });

  it('returns only samples that arrived lately, independent of the agent’s clock', () => {
    const window = new SampleWindow();
    window.watch('a', new Set(['x']));
    window.add(batch('a.0-0', { x: 1 }), 100);
    expect(window.latest('a', ['a.0-0'], 100)).toHaveLength(1);
    expect(window.latest('a', ['a.0-0'], 101)).toEqual([]);
  });

  it('returns the mean of the last two samples of a task, for the metrics in both', () => {
    const window = new SampleWindow();
    window.watch('a', new Set(['x', 'y']));
    window.add(batch('a.0-0', { x: 100 }), 0);
    window.add(batch('a.0-0', { x: 1 }), 5);
    window.add(batch('a.0-0', { x: 3, y: 7 }), 10);
    expect(window.meanOfTwo('a', ['a.0-0'], 0)).toEqual([{ x: 2, y: 7 }]);
  });

  it('forgets ended tasks, and jobs that are no longer watched', () => {
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
