import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

/*
 * The layout rules hold only if the linter enforces them. Each rule is broken here on purpose, in a tree
 * with the same layout and configuration.
 */

const root = join(import.meta.dirname, '../..');

/** A file that breaks one rule, and the rule's name or, for our own rules, a part of its message. */
interface Offence {
  readonly what: string;
  readonly path: string;
  readonly source: string;
  readonly rule: string;
}

const pure = 'Core and model are pure';
const core = 'services/master/src/core';
const model = 'packages/shared/src/model';
const scheduler = 'packages/scheduler/src';

const impurities: readonly Offence[] = [
  ['the clock', 'export const now = Date.now();'],
  ['the clock through Date', 'export const now = new Date();'],
  ['the clock by reference', 'export const clock = { now: Date.now };'],
  ['a finer clock', 'export const now = performance.now();'],
  ['chance', 'export const pick = Math.random();'],
  ['random ids', 'export const id = crypto.randomUUID();'],
  ['a timer', 'export const timer = setTimeout(() => {}, 5);'],
  ['the environment', 'export const level = process.env.LEVEL;'],
  ['the network', 'export const answer = fetch("http://x");'],
  ['an async function', 'export async function f() {}'],
  ['an async arrow function', 'export const f = async () => 1;'],
  ['an async method', 'export class Box { private async open() {} use() { return this.open; } }'],
  ['a promise', 'export const later = Promise.resolve(1);'],
].flatMap(([what = '', source = ''], index) =>
  [core, model, scheduler].map((zone) => ({
    what: `${what} in ${zone}`,
    path: `${zone}/impure-${index}.ts`,
    source,
    rule: pure,
  })),
);

/** Time and randomness outside their homes. */
const impureShells: readonly Offence[] = [
  ['the clock', 'export const now = Date.now();'],
  ['a timer', 'export const timer = setTimeout(() => {}, 5);'],
  ['a timer of node', "import { setTimeout as sleep } from 'node:timers/promises';\nexport const x = sleep;"],
  ['a turn of the event loop', 'export const turn = setImmediate(() => {});'],
  ['a time limit', 'export const limit = AbortSignal.timeout(5);'],
  ['chance', 'export const pick = Math.random();'],
  ['random ids', "import { randomUUID } from 'node:crypto';\nexport const id = randomUUID();"],
].map(([what = '', source = ''], index) => ({
  what: `${what} in a shell`,
  path: `services/master/src/impure-${index}.ts`,
  source,
  rule: 'Time, turns and randomness come from',
}));

const importing = (from: string) => `import { x } from '${from}';\nexport const y = x;\n`;
const imports: readonly Offence[] = [
  [`${model}/a.ts`, '@berth/store', 'The model imports nothing but'],
  [`${model}/b.ts`, 'node:fs', 'The model imports nothing but'],
  [`${model}/c.ts`, 'rxjs', 'The model imports nothing but'],
  [`${model}/expression/d.ts`, '../../rpc/status.js', 'The model imports nothing but'],
  [`${core}/a.ts`, '../loop.js', 'A core imports nothing but'],
  [`${core}/b.ts`, '@berth/store/redis', 'A core imports nothing but'],
  [`${core}/c.ts`, '@berth/store', 'A core imports nothing but'],
  [`${core}/d.ts`, 'node:timers', 'A core imports nothing but'],
  [`${core}/place/e.ts`, '../../loop.js', 'A core imports nothing but'],
  [`${core}/f.ts`, './../loop.js', 'A core imports nothing but'],
  ['services/api/src/a.ts', '@berth/master/core/place', 'Services never import one another'],
  ['services/api/src/b.ts', '../../agent/src/agent.js', 'Services never import one another'],
  ['packages/cli/src/b.ts', '../../../services/agent/src/agent.js', 'Services never import one another'],
  ['packages/shared/src/process/a.ts', '@berth/agent/agent', 'Services never import one another'],
  ['services/master/src/a.ts', 'ioredis', 'Redis is reached through'],
  ['packages/shared/src/rpc/a.ts', 'ioredis', 'Redis is reached through'],
  ['services/agent/src/a.ts', 'dockerode', 'Docker is reached through'],
  ['services/agent/src/runtime/simulated/a.ts', 'dockerode', 'Docker is reached through'],
  ['services/agent/src/runtime/docker/core/a.ts', '../connection.js', 'A core imports nothing but'],
  ['services/master/src/b.ts', 'dockerode', 'Docker is reached through'],
  ['services/master/src/c.ts', '@grpc/grpc-js', 'gRPC is for'],
  ['services/api/src/rpc/a.ts', '@grpc/grpc-js', 'gRPC is for'],
  ['packages/store/src/redis/a.ts', '@grpc/grpc-js', 'gRPC is for'],
  ['packages/store/src/memory/a.ts', 'ioredis', 'Redis is reached through'],
  ['packages/scheduler/src/a.ts', '@berth/store', 'The scheduler imports nothing but'],
  ['packages/scheduler/src/b.ts', 'rxjs', 'The scheduler imports nothing but'],
].map(([path = '', from = '', rule = '']) => ({
  what: `${from} in ${path}`,
  path,
  source: importing(from),
  rule,
}));

const lines = (count: number) => '  x += 1;\n'.repeat(count);
const habits: readonly Offence[] = [
  ['any', 'export const f = (x: any) => x;', 'noExplicitAny'],
  ['a floating promise', 'async function f() {}\nexport function g() {\n  f();\n}', 'noFloatingPromises'],
  [
    'a switch that misses a case',
    "export function f(x: 'a' | 'b') {\n  switch (x) {\n    case 'a':\n      return 1;\n  }\n}",
    'useExhaustiveSwitchCases',
  ],
  ['a default export', 'export default 1;', 'noDefaultExport'],
  ['an unused import', "import { x } from './x.js';", 'noUnusedImports'],
  ['an unused variable', 'const x = 1;', 'noUnusedVariables'],
  ['a non-null assertion', 'export const f = (x?: string) => x!.length;', 'noNonNullAssertion'],
  ['the console', "console.log('x');", 'noConsole'],
  [
    'too many parameters',
    'export const f = (a: 1, b: 1, c: 1, d: 1, e: 1) => a + b + c + d + e;',
    'useMaxParams',
  ],
  [
    'a long function',
    `export function f() {\n  let x = 0;\n${lines(60)}  return x;\n}`,
    'noExcessiveLinesPerFunction',
  ],
  ['a long file', `export const x = [\n${'  1,\n'.repeat(351)}];\n`, 'noExcessiveLinesPerFile'],
].map(([what = '', source = '', rule = ''], index) => ({
  what,
  path: `services/master/src/habit-${index}.ts`,
  source,
  rule,
}));

const others: readonly Offence[] = [
  {
    what: 'a file name in camel case',
    path: 'services/master/src/camelCase.ts',
    source: 'export {};',
    rule: 'useFilenamingConvention',
  },
  {
    what: 'an import cycle',
    path: 'services/master/src/cycle-a.ts',
    source: "import { b } from './cycle-b.js';\nexport const a = () => b();\n",
    rule: 'noImportCycles',
  },
];

/** Good code, in the places that allow it. */
const allowed: Readonly<Record<string, string>> = {
  'services/master/src/cycle-b.ts': "import { a } from './cycle-a.js';\nexport const b = (): unknown => a;\n",
  [`${model}/reason.ts`]: 'export const x = 1;\n',
  [`${model}/good.ts`]: `${importing('../gen/berth/v1/store.js')}export { x as reason } from './reason.js';\nexport const at = new Date(0);\n`,
  [`${model}/expression/good.ts`]: importing('../reason.js'),
  [`${core}/good.ts`]: `import type { Write } from '@berth/store';\n${importing('@berth/shared/model/reason')}export const writes: Write[] = [];\n`,
  [`${core}/place/good.ts`]: importing('../good.js'),
  [`${core}/good.test.ts`]:
    "import { it } from 'vitest';\nit('waits', async () => {\n  await Promise.resolve(Date.now());\n});\n",
  'services/api/src/core/good.ts': importing('zod'),
  'packages/store/src/redis/good.ts': importing('ioredis'),
  'packages/scheduler/src/index/good.ts': importing('../filters.js'),
  'packages/shared/src/rpc/good.ts': importing('@grpc/grpc-js'),
  'packages/client/src/good.ts': importing('@grpc/grpc-js'),
  'services/api/src/gateway.ts': importing('@grpc/grpc-js'),
  'services/agent/src/runtime/docker/docker-runtime.ts': importing('dockerode'),
  'services/agent/src/runtime/docker/core/good.ts': importing('../../../core/container.js'),
  'packages/local/src/good.ts': importing('dockerode'),
  'packages/local/src/services.ts': importing('@berth/master/master'),
  'test/support/good.ts': `${importing('ioredis')}export { z } from 'dockerode';\nexport { w } from '@berth/api/gateway';\n`,
  'packages/shared/src/process/clock.ts': 'export const now = () => Date.now();\n',
  'packages/store/src/hash.ts':
    "import { createHash } from 'node:crypto';\nexport const hash = createHash;\n",
  'vitest.config.ts': 'export default {};\n',
  'packages/shared/src/gen/job_service.ts': 'export const f = (x: any) => x;\n',
};

interface Diagnostic {
  readonly category: string | null;
  readonly message: string;
  readonly severity: string;
  readonly location: { readonly path: string };
}

describe('the linter', () => {
  const offences = [...impurities, ...impureShells, ...imports, ...habits, ...others];
  const tree = mkdtempSync(join(tmpdir(), 'berth-lint-'));
  let found: readonly Diagnostic[] = [];

  beforeAll(() => {
    for (const name of ['biome.json', 'tools'])
      cpSync(join(root, name), join(tree, name), { recursive: true });
    const sources = [
      ...Object.entries(allowed),
      ...offences.map(({ path, source }) => [path, source] as const),
    ];
    for (const [path, source] of sources) {
      mkdirSync(dirname(join(tree, path)), { recursive: true });
      writeFileSync(join(tree, path), source);
    }
    found = lint(tree);
  });
  afterAll(() => rmSync(tree, { recursive: true }));

  it.each(offences)('refuses $what', ({ path, rule }) => {
    const refused = found.filter(({ location, severity }) => location.path === path && severity === 'error');
    const names = refused.map(({ category, message }) => `${category}: ${message}`);
    expect(names).toContainEqual(expect.stringContaining(rule));
  });

  it('accepts good code', () => {
    const good = new Set(Object.keys(allowed).filter((path) => !path.includes('cycle')));
    expect(found.filter(({ location, severity }) => good.has(location.path) && severity === 'error')).toEqual(
      [],
    );
  });
});

function lint(tree: string): readonly Diagnostic[] {
  const args = [
    'lint',
    '--colors=off',
    '--vcs-enabled=false',
    '--reporter=json',
    '--max-diagnostics=none',
    '.',
  ];
  const { stdout, stderr } = spawnSync(join(root, 'node_modules/.bin/biome'), args, {
    cwd: tree,
    encoding: 'utf8',
  });
  expect(stdout, stderr).toMatch(/^\{/);
  return JSON.parse(stdout).diagnostics;
}
