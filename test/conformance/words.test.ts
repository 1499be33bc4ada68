import { describe, expect, it } from 'vitest';
import { retiredUses, usesInTree } from '../../scripts/words.mjs';

const words = (path: string, source: string, wireNames?: ReadonlySet<string>) =>
  retiredUses(path, source, wireNames).map(({ word }) => word);

describe('the words of the tree', () => {
  it('are those of the glossary', () => {
    expect(usesInTree()).toEqual([]);
  });
});

describe('the list of retired words', () => {
  it.each([
    ['an identifier', 'const takeAgentNews = 1;', 'news in takeAgentNews'],
    ['a whole name', 'class Fleet {}', 'Fleet'],
    ['a comment', '// The caller is told.', 'is told'],
  ])('refuses a retired word in %s', (_, source, word) => {
    expect(words('services/master/src/a.ts', source)).toEqual([word]);
  });

  it('refuses a retired word in the name of a file and in a page', () => {
    expect(words('services/master/src/report-pump.ts', '')).toEqual(['pump in report-pump']);
    expect(words('docs/a.md', 'Its heirs wait.')).toEqual(['heirs']);
  });

  it('allows texts, names on the wire and ordinary English', () => {
    expect(words('a.ts', "const text = 'news'; // A bell is no name here.")).toEqual([]);
    expect(words('a.ts', 'const fires = 1;', new Set(['fires']))).toEqual([]);
  });
});
