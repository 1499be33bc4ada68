import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { repoRoot } from '../machine/paths.js';

/** The exports of the set-up script. It is plain JavaScript, because it runs before anything is compiled. */
interface Bootstrap {
  nodeComplaint(version: string): string | undefined;
  pnpmServes(version: string): boolean;
  projects(dir: string): Array<{ folder: string; sources: string }>;
  uncompiled(project: { folder: string; sources: string }): string[];
  stampOf(
    step: string,
    dir: string,
  ): { holds(digest: string): boolean; clear(): void; write(digest: string): void };
}

const script = pathToFileURL(join(repoRoot, 'scripts', 'bootstrap.mjs')).href;
const bootstrap: Bootstrap = await import(script);

let dir: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'berth-bootstrap-'));
});

afterEach(() => rm(dir, { recursive: true, force: true }));

async function write(path: string): Promise<void> {
  await mkdir(join(dir, path, '..'), { recursive: true });
  await writeFile(join(dir, path), '');
}

describe('set-up', () => {
  it('complains about an old Node, and names the required version', () => {
    expect(bootstrap.nodeComplaint('18.20.4')).toMatch(/Node 20\.19 or newer; this is 18\.20\.4/);
    expect(bootstrap.nodeComplaint('20.18.9')).toBeDefined();
    expect(bootstrap.nodeComplaint('20.19.0')).toBeUndefined();
    expect(bootstrap.nodeComplaint('24.1.0')).toBeUndefined();
  });

  it('uses an installed pnpm only if it runs on every Node that we support', () => {
    expect(
      ['10.34.9', '12.21.0\n', '11.2.0', '9.15.0', ''].map((version) => bootstrap.pnpmServes(version)),
    ).toEqual([true, true, false, false, false]);
  });

  it('finds the projects by their tsconfig.json', async () => {
    for (const path of ['packages/a', 'services/b', 'test']) await write(`${path}/tsconfig.json`);
    await write('packages/empty/package.json');
    const folders = bootstrap.projects(dir).map((project) => project.folder.slice(dir.length + 1));
    expect(folders).toEqual(['packages/a', 'services/b', 'test']);
  });

  it('notices sources without a compiled file, although the compiler believes that it exists', async () => {
    for (const file of ['src/a.ts', 'src/deep/b.ts', 'src/types.d.ts', 'dist/a.js', 'dist/.tsbuildinfo'])
      await write(file);
    const missing = bootstrap.uncompiled({ folder: dir, sources: join(dir, 'src') });
    expect(missing).toEqual([join(dir, 'src/deep/b.ts')]);
  });

  it('repeats a step unless it was finished with the same inputs', () => {
    const stamp = bootstrap.stampOf('install', dir);
    expect(stamp.holds('1')).toBe(false);
    stamp.write('1');
    expect([stamp.holds('1'), stamp.holds('2')]).toEqual([true, false]);
    stamp.clear();
    expect(stamp.holds('1')).toBe(false);
  });
});
