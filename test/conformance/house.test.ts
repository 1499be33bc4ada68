import { describe, expect, it } from 'vitest';
import { breaches, circles, importGraph, maxFilesPerFolder } from '../../scripts/house.mjs';

/** A graph of imports, as the script reads it from the tree. */
function graphOf(imports: Readonly<Record<string, readonly string[]>>): Map<string, Set<string>> {
  return new Map(Object.entries(imports).map(([file, targets]) => [file, new Set(targets)]));
}

const master = 'services/master/src';

describe('the plan of the house', () => {
  it('has no circle, no import of a parent folder, no forbidden import and no crowded folder', () => {
    expect(breaches(importGraph())).toEqual([]);
  });
});

describe('the script that holds the plan', () => {
  it('finds files that import each other over a third', () => {
    const graph = new Map([
      ['a', ['b']],
      ['b', ['c']],
      ['c', ['a']],
      ['d', ['a']],
    ]);
    expect(circles(graph).map((circle) => circle.sort())).toEqual([['a', 'b', 'c']]);
  });

  it('finds folders that import each other by different files', () => {
    const found = breaches(
      graphOf({
        [`${master}/core/a.ts`]: [`${master}/leader/b.ts`],
        [`${master}/leader/b.ts`]: [],
        [`${master}/leader/deep/c.ts`]: [`${master}/core/d.ts`],
        [`${master}/core/d.ts`]: [],
      }),
    );
    expect(found).toEqual([`in ${master} these import each other: core, leader`]);
  });

  it('finds a file that imports a file of a folder above it', () => {
    const found = breaches(
      graphOf({ [`${master}/leader/a.ts`]: [`${master}/config.ts`], [`${master}/config.ts`]: [] }),
    );
    expect(found).toEqual([`${master}/leader/a.ts imports ${master}/config.ts, a file of a folder above it`]);
  });

  it.each([
    [`${master}/a.ts`, 'services/agent/src/agent.ts'],
    ['packages/scheduler/src/a.ts', 'packages/store/src/index.ts'],
    ['packages/shared/src/model/a/b.ts', 'packages/shared/src/process/clock.ts'],
    ['packages/client/src/a.ts', 'packages/store/src/index.ts'],
    ['services/api/src/a.ts', 'packages/store/src/wire/index.ts'],
  ])('refuses that %s imports %s', (file, target) => {
    expect(breaches(graphOf({ [file]: [target], [target]: [] }))).toContain(
      `${file} may not import ${target}`,
    );
  });

  it('leaves tests and fixtures alone', () => {
    const graph = graphOf({
      [`${master}/leader/a.test.ts`]: [`${master}/config.ts`],
      [`${master}/config.ts`]: [],
    });
    expect(breaches(graph)).toEqual([]);
  });

  it('counts the files of a folder', () => {
    const files = Array.from(
      { length: maxFilesPerFolder + 1 },
      (_, index) => [`${master}/f${index}.ts`, []] as const,
    );
    expect(breaches(graphOf(Object.fromEntries(files)))).toHaveLength(1);
    expect(breaches(graphOf(Object.fromEntries(files.slice(1))))).toEqual([]);
  });
});
