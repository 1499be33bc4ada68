import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { proseFiles } from '../../scripts/prose.mjs';

const root = join(import.meta.dirname, '../..');
const pages = proseFiles().filter((path) => path.endsWith('.md'));

/** The pages for people who change the code; these name its files. */
const codePages = pages.filter((path) => !path.startsWith('docs/') && path !== 'CHANGELOG.md');

/** A path in backticks below one of our top folders; one with a wildcard names no single file. */
const codePath = /`((?:packages|services|test|scripts|tools|protos|docs)\/[\w./-]+)`/g;

/** A page of a package may name its folders from the package's sources on. */
function exists(page: string, path: string): boolean {
  return [root, join(root, dirname(page), 'src')].some((base) => existsSync(join(base, path)));
}

function text(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

/** The anchors that a page offers, as GitHub makes them from its headings. */
function anchorsOf(path: string): ReadonlySet<string> {
  const headings = text(path).match(/^#{1,6} .*$/gm) ?? [];
  return new Set(
    headings.map((heading) =>
      heading
        .replace(/^#+ /, '')
        .toLowerCase()
        .replace(/[^\w\- ]/g, '')
        .replace(/ /g, '-'),
    ),
  );
}

describe('the pages', () => {
  it.each(codePages)('%s names only files that exist', (page) => {
    const named = [...text(page).matchAll(codePath)].map(([, path = '']) => path);
    expect(named.filter((path) => !exists(page, path))).toEqual([]);
  });

  it.each(pages)('%s links only to pages and headings that exist', (page) => {
    const links = [...text(page).matchAll(/\]\((?!https?:|mailto:)([^)\s]+)\)/g)].map(
      ([, link = '']) => link,
    );
    const broken = links.filter((link) => {
      const [path = '', anchor] = link.split('#');
      const target = path === '' ? page : join(dirname(page), path);
      if (!existsSync(join(root, target))) return true;
      return anchor !== undefined && target.endsWith('.md') && !anchorsOf(target).has(anchor);
    });
    expect(broken).toEqual([]);
  });
});
