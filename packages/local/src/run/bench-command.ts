import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { sweepDeadRuns } from '../cell/cell-cleanup.js';
import { runForeground } from '../machine/foreground.js';
import type { Lifetime } from '../machine/lifetime.js';
import { berthDir, repoRoot } from '../machine/paths.js';
import { CommandLineError } from '../output/command-line-error.js';
import { createProgress } from '../output/progress.js';
import { prepareTestEnvironment, testVariables } from './test-environment.js';

const suffix = '.bench.ts';

/** Lists the benchmarks, or runs the named one. Resolves to the exit code. */
export async function benchCommand(args: readonly string[], lifetime: Lifetime): Promise<number> {
  const names = benchmarkNames(await readdir(join(repoRoot, 'test', 'bench')).catch(() => []));
  const [name, ...rest] = args;
  if (name === '--list') {
    for (const known of names) process.stdout.write(`${known}\n`);
    return 0;
  }
  if (name === undefined || !names.includes(name)) throw new CommandLineError(unknownBenchmark(name, names));
  const script = join(repoRoot, 'test', 'dist', 'bench', `${name}.bench.js`);
  // The help text needs no servers.
  if (rest.includes('--help'))
    return runForeground(process.execPath, [script, '--help'], { cwd: repoRoot, signal: lifetime.signal });
  // The last line on standard output is the benchmark's result. So all output for people goes to standard
  // error.
  const progress = createProgress(process.stderr);
  const environment = await prepareTestEnvironment({ home: berthDir, progress, lifetime, needsDocker: true });
  await sweepDeadRuns(berthDir);
  const env = testVariables(environment);
  try {
    return await runForeground(process.execPath, [script, ...rest], {
      cwd: repoRoot,
      env,
      signal: lifetime.signal,
    });
  } finally {
    // A killed benchmark could not stop the cells that it had started.
    await sweepDeadRuns(berthDir);
  }
}

/** Returns the names of the benchmarks among the files of a directory. */
export function benchmarkNames(files: readonly string[]): string[] {
  return files
    .filter((file) => file.endsWith(suffix))
    .map((file) => file.slice(0, -suffix.length))
    .sort();
}

function unknownBenchmark(name: string | undefined, names: readonly string[]): string {
  const problem =
    name === undefined
      ? 'The name of a benchmark is missing.'
      : `There is no benchmark ${JSON.stringify(name)}.`;
  const known = names.length === 0 ? 'There are none yet.' : `There are: ${names.join(', ')}.`;
  return `${problem} ${known}\nUsage: npm run bench -- NAME [OPTIONS], npm run bench -- NAME --help, or npm run bench -- --list`;
}
