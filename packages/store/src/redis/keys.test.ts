import { describe, expect, it } from 'vitest';
import { cellKeys } from './keys.js';

describe('the keys of a cell', () => {
  it('all have the hash tag of the cell, with any last part', () => {
    const keys = cellKeys('local');
    const names = [
      keys.cell,
      keys.entities,
      keys.log,
      keys.head,
      keys.epoch,
      keys.leader,
      keys.heartbeats,
      keys.subscribed,
      keys.reports,
      keys.samples,
    ];
    const built = [
      keys.assigned,
      keys.assignments,
      keys.claim,
      keys.archive,
      keys.olderArchive,
      keys.commit,
    ].map((of) => of('a{b}'));
    for (const name of [...names, ...built]) expect(name).toMatch(/^berth:\{local\}:/);
    expect(new Set([...names, ...built]).size).toBe(16);
  });

  it('are not made for a name that would break the hash tag', () => {
    for (const name of ['', 'a}b', 'a b', 'x'.repeat(65)]) {
      expect(() => cellKeys(name)).toThrow(expect.objectContaining({ code: 'invalidArgument' }));
    }
  });
});
