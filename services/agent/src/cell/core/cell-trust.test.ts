import { describe, expect, it } from 'vitest';
import { type CellFindings, trustIn } from './cell-trust.js';

describe('the trust in a store', () => {
  const a: CellFindings = { found: 'A', known: 'A', containers: [], adopted: undefined };
  const held = { trusted: false, owner: 'A' };

  it.each<[string, Partial<CellFindings>, unknown]>([
    ['its own cell', { containers: ['A'] }, { trusted: true, cellId: 'A' }],
    ['an empty store, and no containers', { found: undefined }, { trusted: true, cellId: undefined }],
    ['another store, and no containers', { found: 'B' }, { trusted: true, cellId: 'B' }],
    ['an empty store, with a container', { found: undefined, containers: ['A'] }, held],
    ['another store, with a container', { found: 'B', containers: ['B', 'A'] }, held],
    ['another store at the start of a process', { found: 'B', known: undefined, containers: ['A'] }, held],
    ['another store, with an old container', { found: 'B', containers: [undefined] }, held],
    [
      'a first store, with an old container',
      { found: 'B', known: undefined, containers: [undefined] },
      { trusted: true, cellId: 'B' },
    ],
    [
      'another store that the operator adopts',
      { found: 'B', containers: ['A'], adopted: 'B' },
      { trusted: true, cellId: 'B' },
    ],
    ['a third store than the operator adopts', { found: 'C', containers: ['A'], adopted: 'B' }, held],
    [
      'the own cell back, though the operator adopts another',
      { containers: ['A'], adopted: 'B' },
      { trusted: true, cellId: 'A' },
    ],
  ])('is decided for %s', (_, findings, expected) => {
    expect(trustIn({ ...a, ...findings })).toEqual(expected);
  });
});
