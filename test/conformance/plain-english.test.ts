import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { bounds, measure, proseFiles, total } from '../../scripts/prose.mjs';

const root = join(import.meta.dirname, '../..');

const measured = proseFiles().map((path) => ({
  path,
  ...measure(path, readFileSync(join(root, path), 'utf8')),
}));

/** The sentences of one kind that are hard to read, as a list to print. */
function offenders(files: typeof measured, kind: string): readonly string[] {
  return files.flatMap(({ path, offenders: all }) =>
    all.filter((one) => one.kind === kind).map(({ line, text }) => `${path}:${line} ${text}`),
  );
}

describe.each([
  ['comments', measured.filter(({ path }) => !path.endsWith('.md'))],
  ['docs', measured.filter(({ path }) => path.endsWith('.md'))],
] as const)('the English of the %s', (_, files) => {
  const sum = total(files);

  it('has hardly a sentence that begins with a clause', () => {
    expect(sum.sentences).toBeGreaterThan(500);
    expect(sum.startsShare, offenders(files, 'start').join('\n')).toBeLessThanOrEqual(
      bounds.clauseStartsShare,
    );
  });

  it('has few words that begin a clause', () => {
    expect(sum.wordsPerThousand, offenders(files, 'word').join('\n')).toBeLessThanOrEqual(
      bounds.clauseWordsPerThousand,
    );
  });

  it('keeps comments to the width of the code', () => {
    expect(offenders(files, 'long')).toEqual([]);
  });
});

describe('the measure', () => {
  const of = (path: string, source: string) => {
    const { sentences, clauseWords, offenders: found } = measure(path, source);
    return { sentences, clauseWords, kinds: found.map(({ kind }) => kind) };
  };

  it('joins the lines of a comment and splits its sentences', () => {
    const source =
      '/**\n * Applies kills\n * and deadlines. What is\n * left waits.\n */\nconst a = 1; // Which one?\n';
    expect(of('a.ts', source)).toEqual({ sentences: 3, clauseWords: 2, kinds: ['start', 'start'] });
  });

  it('reads paragraphs, items and cells of a page, but no code', () => {
    const page =
      '# Title\n\nA page\nthat says which.\n\n- Where it is.\n\n| a | who |\n| --- | --- |\n\n```\nwhat\n```\nUse `what`.\n';
    expect(of('a.md', page)).toEqual({ sentences: 6, clauseWords: 3, kinds: ['word', 'start', 'start'] });
  });

  it('finds a comment that is wider than the code', () => {
    expect(of('a.ts', `// ${'a '.repeat(60)}\n`).kinds).toEqual(['long']);
  });
});
