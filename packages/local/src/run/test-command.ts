import { mkdir, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { sweepDeadRuns } from '../cell/cell-cleanup.js';
import { runForeground } from '../machine/foreground.js';
import type { Lifetime } from '../machine/lifetime.js';
import { berthDir, repoRoot } from '../machine/paths.js';
import { createProgress, type Progress } from '../output/progress.js';
import { obtainAdminProgram } from '../setup/distribution-program.js';
import { obtainPythonGrpc } from '../setup/python-grpc.js';
import { prepareTestEnvironment, testVariables } from './test-environment.js';
import { summaryLine } from './test-summary.js';

const resultsFile = join(berthDir, 'test-results.json');

/**
 * Runs all checks of a change: lint of the sources, lint of the contract, all tests. It ends at the first
 * failure. Resolves to the exit code. `args` go to vitest.
 */
export async function testCommand(args: readonly string[], lifetime: Lifetime): Promise<number> {
  const inCi = !['', '0', 'false'].includes(process.env.CI ?? '');
  const progress = createProgress(process.stderr);
  const options = { home: berthDir, progress, lifetime, needsDocker: inCi };
  const environment = await prepareTestEnvironment(options);
  if ('missing' in environment.docker) {
    progress.note(`Tests that need Docker are skipped: ${environment.docker.missing}`);
  }
  const python = await obtainPythonGrpc(berthDir, progress);
  if ('missing' in python) progress.note(`Tests with python3-grpcio are skipped: ${python.missing}`);
  const proxies = await obtainProxies(progress);
  await sweepDeadRuns(berthDir);
  const env = {
    ...testVariables(environment),
    BERTH_TEST_PYTHON_GRPC: 'python' in python ? python.python : undefined,
    ...proxies,
  };
  const checks = [
    { command: 'biome', args: ['ci', `--colors=${process.stdout.isTTY ? 'force' : 'off'}`, '.'] },
    { command: 'buf', args: ['lint'] },
    { command: 'vitest', args: ['run', ...reporters, ...args] },
  ];
  await rm(resultsFile, { force: true });
  await mkdir(dirname(resultsFile), { recursive: true });
  for (const check of checks) {
    lifetime.signal.throwIfAborted();
    const bin = join(repoRoot, 'node_modules', '.bin', check.command);
    const code = await runForeground(bin, check.args, { cwd: repoRoot, env, signal: lifetime.signal });
    if (check.command === 'vitest') await printSummary();
    if (code !== 0) return code;
  }
  return 0;
}

/** Returns the variables that name the load balancers of the tests. */
async function obtainProxies(progress: Progress): Promise<Record<string, string | undefined>> {
  const variables: Record<string, string | undefined> = {};
  for (const name of ['nginx', 'haproxy']) {
    const found = await obtainAdminProgram(name, { home: berthDir, progress });
    if ('missing' in found) progress.note(`Tests with ${name} are skipped: ${found.missing}`);
    variables[`BERTH_TEST_${name.toUpperCase()}`] = 'program' in found ? found.program : undefined;
  }
  return variables;
}

const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${resultsFile}`];

/** A vitest that wrote no results has printed the reason itself. */
async function printSummary(): Promise<void> {
  const json = await readFile(resultsFile, 'utf8').catch(() => undefined);
  if (json !== undefined) process.stdout.write(`\n${summaryLine(json)}\n`);
}
