import { describe, expect, it } from 'vitest';
import { PullTally } from './pull-tally.js';

const downloading = (id: string, current: number, total = 100) => ({
  id,
  status: 'Downloading',
  progressDetail: { current, total },
});

describe('the tally of a pull', () => {
  it('sums the layers up, and counts a layer as done from the end of its download', () => {
    const tally = new PullTally();
    tally.add({ id: 'a', status: 'Pulling fs layer', progressDetail: {} });
    tally.add(downloading('a', 30));
    tally.add(downloading('b', 100));
    tally.add({ id: 'b', status: 'Download complete', progressDetail: {} });
    tally.add({ id: 'b', status: 'Extracting', progressDetail: { current: 5, total: 100 } });
    expect([tally.doneBytes, tally.totalBytes]).toEqual([130, 200]);
  });

  it('sees no progress in a repeated line', () => {
    const tally = new PullTally();
    expect(tally.add(downloading('a', 30))).toBe(true);
    expect(tally.add(downloading('a', 30))).toBe(false);
    expect(tally.add(downloading('a', 31))).toBe(true);
  });

  it('begins again with a layer that is downloaded again', () => {
    const tally = new PullTally();
    tally.add(downloading('a', 30));
    tally.add({ id: 'a', status: 'Retrying in 5 seconds', progressDetail: {} });
    expect([tally.doneBytes, tally.totalBytes]).toEqual([0, 100]);
  });
});
