import { describe, expect, it } from 'vitest';
import { Gate } from './gate.js';

const never = new AbortController().signal;

describe('a gate', () => {
  it('limits concurrent work, and starts it in the order of arrival', async () => {
    const gate = new Gate(2);
    const begun: number[] = [];
    const end: (() => void)[] = [];
    const all = [0, 1, 2, 3].map((index) =>
      gate.run(() => {
        begun.push(index);
        return new Promise<void>((resolve) => end.push(resolve));
      }, never),
    );
    await expect.poll(() => begun).toEqual([0, 1]);
    end[1]?.();
    await expect.poll(() => begun).toEqual([0, 1, 2]);
    end[0]?.();
    await expect.poll(() => begun).toEqual([0, 1, 2, 3]);
    for (const finish of end) finish();
    await Promise.all(all);
  });

  it('continues after work that fails, and skips waiting work that was cancelled', async () => {
    const gate = new Gate(1);
    await expect(gate.run(() => Promise.reject(new Error('failed')), never)).rejects.toThrow('failed');
    let finish = () => {};
    const running = gate.run(() => new Promise<void>((resolve) => (finish = resolve)), never);
    const leaving = new AbortController();
    const waiting = gate.run(async () => 'never', leaving.signal);
    leaving.abort(new Error('gone'));
    await expect(waiting).rejects.toThrow('gone');
    finish();
    await running;
    expect(await gate.run(async () => 'next', never)).toBe('next');
  });
});
