import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileDescriptorSetBase64 } from '@berth/shared/gen/descriptors';
import { expect, it, onTestFinished } from 'vitest';

const root = join(import.meta.dirname, '../..');
const committed = join(root, 'packages/shared/src/gen');

/** Runs buf in the folder of the protos, with the installed generator. */
function buf(...args: string[]): Buffer {
  const bin = join(root, 'node_modules/.bin');
  const env = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH}` };
  return execFileSync(join(bin, 'buf'), args, { cwd: root, env, maxBuffer: 64 * 1024 * 1024 });
}

function filesIn(dir: string): ReadonlyMap<string, string> {
  const paths = readdirSync(dir, { recursive: true, encoding: 'utf8' }).filter((path) =>
    path.endsWith('.ts'),
  );
  return new Map(paths.sort().map((path) => [path, readFileSync(join(dir, path), 'utf8')]));
}

it('is what the protos generate now (npm run gen)', () => {
  const dir = mkdtempSync(join(tmpdir(), 'berth-gen-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  buf('generate', '--output', dir);
  const fresh = filesIn(join(dir, 'packages/shared/src/gen'));
  // The same protos give these by steps of their own, see below.
  const own = new Set(['descriptors.ts', 'field-numbers.ts']);
  const kept = [...filesIn(committed)].filter(([path]) => !own.has(path));
  expect(kept.map(([path]) => path)).toEqual([...fresh.keys()]);
  expect(kept.filter(([path, text]) => fresh.get(path) !== text).map(([path]) => path)).toEqual([]);
});

it('has the descriptors of the protos as they are now (npm run gen)', () => {
  const descriptors = buf(
    'build',
    'protos',
    '-o',
    '-#format=binpb',
    '--as-file-descriptor-set',
    '--exclude-source-info',
  );
  expect(descriptors.equals(Buffer.from(fileDescriptorSetBase64, 'base64'))).toBe(true);
});

it('has the field numbers of the protos as they are now (npm run gen)', async () => {
  // The script is plain JavaScript, without types.
  const { generateFieldNumbers } = await import(`${root}/scripts/gen-field-numbers.mjs`);
  expect(generateFieldNumbers(root)).toBe(readFileSync(join(committed, 'field-numbers.ts'), 'utf8'));
});

it('comes from protos that keep the rules of buf, in its format', () => {
  expect(() => buf('lint')).not.toThrow();
  expect(buf('format', '--diff').toString()).toBe('');
});
