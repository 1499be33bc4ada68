import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { repoRoot } from '@berth/local/machine/paths';
import { expect, it } from 'vitest';

const run = promisify(execFile);
const built = pathToFileURL(join(repoRoot, 'services', 'api', 'dist', 'tuning', 'heap-growth.js')).href;
const program = `
  import { letHeapGrow } from ${JSON.stringify(built)};
  console.log('chosen here:', letHeapGrow(process));
  gc();
`;

/** Returns the output of a process that lets its heap grow, and the factor that V8 applies. */
async function grown(
  ...flags: readonly string[]
): Promise<{ readonly out: string; readonly factor: number }> {
  const { stdout } = await run(process.execPath, [
    ...['--expose-gc', '--trace-gc-verbose', ...flags],
    ...['--input-type=module', '-e', program],
  ]);
  const limits = [...stdout.matchAll(/\[HeapController\] Limit: .* \((\d+\.\d+)\)/g)];
  return { out: stdout, factor: Number(limits.at(-1)?.[1]) };
}

it('lets the heap grow to three times what is kept', async () => {
  const { out, factor } = await grown();
  expect(out).toContain('chosen here: true');
  expect(factor).toBe(3);
});

it.each(['--heap-growing-percent=50', '--heap_growing_percent=50'])(
  'leaves it to what the process was started with: %s',
  async (flag) => {
    const { out, factor } = await grown(flag);
    expect(out).toContain('chosen here: false');
    expect(factor).toBe(1.5);
  },
);
