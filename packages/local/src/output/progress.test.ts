import { describe, expect, it } from 'vitest';
import { createProgress } from './progress.js';

function recorder(isTTY: boolean) {
  const written: string[] = [];
  return { written, output: { isTTY, write: (text: string) => written.push(text) } };
}

describe('progress', () => {
  it('prints plain lines without a terminal', async () => {
    const { written, output } = recorder(false);
    const progress = createProgress(output);
    expect(await progress.step('Fetch', async () => 42)).toBe(42);
    progress.note('ready');
    expect(written.join('')).toMatch(/^Fetch …\nFetch: done in \d+\.\d s\nready\n$/);
    expect(written.join('')).not.toContain('\u001b');
  });

  it('marks on a terminal if a step succeeded', async () => {
    const { written, output } = recorder(true);
    const progress = createProgress(output);
    await progress.step('Fetch', async () => undefined);
    await expect(progress.step('Install', () => Promise.reject(new Error('no disk')))).rejects.toThrow(
      'no disk',
    );
    expect(written.join('')).toMatch(/✔ Fetch/);
    expect(written.join('')).toMatch(/✖ Install/);
  });

  it('keeps a note that comes in the middle of a step', async () => {
    const { written, output } = recorder(true);
    const progress = createProgress(output);
    await progress.step('Fetch', async () => progress.note('half way'));
    const lines = written.join('').split('\n');
    expect(lines[0]).toMatch(/half way$/);
    expect(lines[1]).toMatch(/✔ Fetch/);
  });
});
