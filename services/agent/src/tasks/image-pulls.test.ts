import { systemClock } from '@berth/shared/process/clock';
import { describe, expect, it } from 'vitest';
import type { PullOptions } from '../runtime/contract/container-runtime.js';
import { ImagePulls } from './image-pulls.js';

/** An engine whose pulls end only when the test ends them. */
function slowEngine() {
  const pulls = new Map<string, PullOptions & { settle(error?: Error): void }>();
  const ensureImage = (image: string, options: PullOptions = {}) =>
    new Promise<string>((resolve, reject) => {
      const settle = (error?: Error) => (error === undefined ? resolve(image) : reject(error));
      pulls.set(image, { ...options, settle });
      options.signal?.addEventListener('abort', () => settle(new Error('aborted')));
    });
  return { pulls, images: new ImagePulls({ runtime: { ensureImage }, clock: systemClock }) };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('pulls of images', () => {
  it('are shared by tasks that need the same image', async () => {
    const { pulls, images } = slowEngine();
    const shares = [images.join('r.test/a:1'), images.join('r.test/a:1')];
    await turn();
    expect(pulls.size).toBe(1);
    pulls.get('r.test/a:1')?.settle();
    expect(await Promise.all(shares.map(({ done }) => done))).toEqual(['r.test/a:1', 'r.test/a:1']);
  });

  it('give their place to others at once when nobody wants them any more', async () => {
    const { pulls, images } = slowEngine();
    const dead = [1, 2, 3].map((tag) => images.join(`r.test/slow:${tag}`));
    const living = images.join('r.test/quick:1');
    await turn();
    expect(pulls.has('r.test/quick:1')).toBe(false);
    expect(living.status().text).toBe('waits for its turn to pull r.test/quick:1');
    for (const share of dead) share.leave();
    await turn();
    expect(pulls.get('r.test/slow:1')?.signal?.aborted).toBe(true);
    expect(pulls.has('r.test/quick:1')).toBe(true);
  });

  it('go on while one task still wants the image', async () => {
    const { pulls, images } = slowEngine();
    const [first, second] = [images.join('r.test/a:1'), images.join('r.test/a:1')];
    await turn();
    first.leave();
    first.leave();
    expect(pulls.get('r.test/a:1')?.signal?.aborted).toBe(false);
    second.leave();
    expect(pulls.get('r.test/a:1')?.signal?.aborted).toBe(true);
  });

  it('of one registry do not hold up those of another', async () => {
    const { pulls, images } = slowEngine();
    for (let tag = 0; tag < 9; tag++) images.join(`drips.test/slow:${tag}`);
    images.join('r.test/quick:1');
    images.join('busybox:1');
    await turn();
    expect([...pulls.keys()].filter((image) => image.startsWith('drips'))).toHaveLength(3);
    expect([...pulls.keys()]).toEqual(expect.arrayContaining(['r.test/quick:1', 'busybox:1']));
  });

  it('have a bound in all', async () => {
    const { pulls, images } = slowEngine();
    for (let host = 0; host < 40; host++) images.join(`r${host}.test/a:1`);
    await turn();
    expect(pulls.size).toBe(12);
  });

  it('say how far they are', async () => {
    const { pulls, images } = slowEngine();
    const share = images.join('r.test/a:1');
    await turn();
    pulls.get('r.test/a:1')?.onProgress?.({ doneBytes: 12_400_000, totalBytes: 80_000_000 });
    expect(share.status().text).toBe('pulls r.test/a:1: 12 of 80 MB');
  });

  it('can begin again after a failure', async () => {
    const { pulls, images } = slowEngine();
    const first = images.join('r.test/a:1');
    await turn();
    pulls.get('r.test/a:1')?.settle(new Error('no'));
    await expect(first.done).rejects.toThrow('no');
    const second = images.join('r.test/a:1');
    await turn();
    pulls.get('r.test/a:1')?.settle();
    expect(await second.done).toBe('r.test/a:1');
  });
});
