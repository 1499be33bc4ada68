import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { beforeAll, expect, it, onTestFinished } from 'vitest';

const dist = join(import.meta.dirname, '../../dist/process');

beforeAll(() => {
  expect(existsSync(join(dist, 'service.js')), 'the package is built (npm run build)').toBe(true);
});

interface Run {
  readonly child: ChildProcess;
  readonly exited: Promise<{ code: number | null; output: string }>;
  /** Resolves once the output holds the text. */
  saw(text: string): Promise<void>;
}

/**
 * Runs a service with the given source as its start, in a process of its own; `say` writes a line to
 * standard output.
 */
function run(start: string, env: NodeJS.ProcessEnv = {}, args: readonly string[] = []): Run {
  const url = (file: string) => JSON.stringify(pathToFileURL(join(dist, file)).href);
  const source = `
    import { setTimeout as later } from 'node:timers/promises';
    import { runService } from ${url('service.js')};
    import { cellConfigShape, parseConfig } from ${url('config.js')};
    import { z } from ${JSON.stringify(pathToFileURL(join(dist, '../../node_modules/zod/index.js')).href)};
    const say = (text) => process.stdout.write(text + '\\n');
    const forever = setInterval(() => {}, 1000);
    runService('test', ${start});`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', source, '--', 'main.js', ...args], {
    env: { ...process.env, ...env },
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  let output = '';
  child.stdout.on('data', (text) => (output += text));
  child.stderr.on('data', (text) => (output += text));
  const saw = async (text: string) => {
    while (!output.includes(text)) await once(child.stdout, 'data');
  };
  return { child, saw, exited: once(child, 'close').then(([code]) => ({ code, output })) };
}

const resources = `['first', 'second', 'third'].map((name) => ({
  name,
  close: async () => { say('closing ' + name); await later(20); say('closed ' + name); },
}))`;

it.each(['SIGTERM', 'SIGINT'] as const)(
  'closes what it started on %s, last started first, and exits with 0',
  async (signal) => {
    const { child, saw, exited } = run(`async () => ${resources}`);
    await saw('started');
    child.kill(signal);
    const { code, output } = await exited;
    const closings = output.split('\n').filter((line) => line.startsWith('clos'));
    expect(closings).toEqual(
      ['third', 'second', 'first'].flatMap((name) => [`closing ${name}`, `closed ${name}`]),
    );
    expect(code).toBe(0);
  },
);

it('closes the other parts when one cannot be closed', async () => {
  const { child, saw, exited } = run(`async () => [
    { name: 'first', close: () => say('closed first') },
    { name: 'second', close: async () => { throw new Error('stuck'); } },
  ]`);
  await saw('started');
  child.kill('SIGTERM');
  const { code, output } = await exited;
  expect(output).toContain('closed first');
  expect(output).toContain('could not close second');
  expect(code).toBe(0);
});

it('interrupts a start that is under way', async () => {
  const { child, saw, exited } = run(`async ({ signal }) => {
    say('waiting');
    await later(60_000, undefined, { signal });
    return [];
  }`);
  await saw('waiting');
  child.kill('SIGTERM');
  expect((await exited).code).toBe(0);
});

it('ends at once on a second signal', async () => {
  const { child, saw, exited } = run(
    `async () => [{ name: 'slow', close: () => { say('closing slow'); return new Promise(() => {}); } }]`,
  );
  await saw('started');
  child.kill('SIGTERM');
  await saw('closing slow');
  child.kill('SIGTERM');
  expect((await exited).code).toBe(1);
});

it('reports a bad configuration in one message without a stack, and exits with 2', async () => {
  const start = 'async ({ env }) => { parseConfig(z.object(cellConfigShape), env); return []; }';
  const { code, output } = await run(start, { BERTH_CELL: 'A B', BERTH_LOG_LEVEL: 'loud' }).exited;
  expect(output.trim().split('\n')).toEqual([
    'The configuration is not valid:',
    '  BERTH_CELL: must be 1 to 63 lower-case letters, digits or hyphens',
    '  BERTH_LOG_LEVEL: must be trace, debug, info, warn, error, fatal or silent',
  ]);
  expect(code).toBe(2);
});

it.each([
  [['--help'], 0],
  [['-h', 'x'], 0],
  [['--port', '7104'], 2],
] as const)(
  'does not start with the arguments %j, but says where its settings are told of',
  async (args, expected) => {
    const { code, output } = await run(`async () => { say('starting'); return []; }`, {}, args).exited;
    expect(output).toContain('The test takes no arguments.');
    expect(output).toContain('docs/operations/configuration.md');
    expect(output).not.toContain('starting');
    if (expected !== 0) expect(output).toContain('It was given: --port 7104');
    expect(code).toBe(expected);
  },
);

it('warns of names that nothing reads, even if the configuration is bad', async () => {
  const start = 'async ({ env }) => { parseConfig(z.object(cellConfigShape), env); return []; }';
  const env = { BERTH_MASTER_LEESE: '3s', BERTH_AGENT_PORTS: '5', BERTH_CELL: 'A B' };
  const { code, output } = await run(start, env).exited;
  const warning = output.split('\n').find((line) => line.includes('BERTH_MASTER_LEESE')) ?? '{}';
  expect(JSON.parse(warning)).toMatchObject({
    level: 40,
    msg: expect.stringContaining('BERTH_MASTER_LEASE'),
  });
  expect(output).not.toContain('BERTH_AGENT_PORTS');
  expect(code).toBe(2);
});

it.each([
  ['a start that fails', `async () => { throw new Error('boom'); }`],
  ['a rejection that nobody handles', `async () => { void Promise.reject(new Error('boom')); return []; }`],
  [
    'an exception that nobody catches',
    `async () => { setImmediate(() => { throw new Error('boom'); }); return []; }`,
  ],
])('logs %s and exits with 1', async (_, start) => {
  const { code, output } = await run(start).exited;
  expect(output).toContain('"msg":"unexpected error"');
  expect(output).toContain('boom');
  expect(code).toBe(1);
});
