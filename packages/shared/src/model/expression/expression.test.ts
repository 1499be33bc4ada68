import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkExpression } from './check.js';
import { compileExpression, type Facts, isStatic, matches } from './compile.js';
import { maxExpressionLength, parseExpression } from './parse.js';
import { printExpression } from './print.js';
import { knownAttributes, unitFactor } from './vocabulary.js';

const amounts = {
  cpuMillis: 4000,
  memoryMb: 8192,
  diskMb: 100_000,
  networkMbps: 10_000,
  gpuMillis: 2000,
  ports: 10,
  eni: 3,
};
const attributes = { zone: 'a', machineType: 'm5.large', rack: '7', 'gpu-model': 'T4' };
const facts: Facts = {
  id: 'agent-1',
  attributes,
  total: amounts,
  free: { ...amounts, memoryMb: 1024 },
  holds: (name) => name === 'zoneBalance',
};
const known = knownAttributes([attributes]);

function parsed(text: string) {
  const result = parseExpression(text);
  if (!result.ok) throw new Error(`${text}: ${result.error.column}: ${result.error.message}`);
  return result.ast;
}

function isTrue(text: string): boolean {
  const ast = parsed(text);
  expect(checkExpression(ast, known)).toEqual([]);
  return compileExpression(ast)(facts);
}

function refusal(text: string): string {
  const result = parseExpression(text);
  const errors = result.ok ? checkExpression(result.ast, known) : [result.error];
  return errors.map(({ column, message }) => `${column}: ${message}`).join('; ');
}

describe('an expression', () => {
  it.each([
    ['zone == "a"', true],
    ["zone == 'b'", false],
    ['agent.zone != "b"', true],
    ['zone in ("b", "a")', true],
    ['zone not in ("b", "a")', false],
    ['machineType like "m5.*"', true],
    ['machineType NOT LIKE "m?.*"', false],
    ['agent.memoryMB >= 4096', true],
    ['agent.memoryMB == 8192MB', true],
    ['agent.memoryMB > 8GiB', false],
    ['free.memoryMB < 1GiB', true],
    ['agent.networkMbps >= 10Gbps', true],
    ['agent.networkMbps >= 10.1Gb/s', false],
    ['agent.cpu <= 4', true],
    ['agent.gpu in (1, 2)', true],
    ['8192 == agent.memoryMB', true],
    ['rack >= 7 and rack < 7.5', true],
    ['rack == "7"', true],
    ['gpu-model == "T4"', true],
    ['agent.id like "agent-*"', true],
    ['zoneBalance', true],
    ['uniqueHost', false],
    ['NOT uniqueHost AND zoneBalance', true],
    ['zone == "b" OR zone == "a" AND uniqueHost', false],
    ['(zone == "b" OR zone == "a") AND zoneBalance', true],
    ['NOT (zone == "b" OR zone == "a")', false],
    ['not not zone == "a"', true],
  ])('%s is %s', (text, expected) => {
    expect(isTrue(text)).toBe(expected);
  });

  it('is false for an agent without the attribute, except that it is unequal to every value', () => {
    const without = { ...facts, attributes: {} };
    const holds = (text: string) => compileExpression(parsed(text))(without);
    expect(['zone == "a"', 'rack < 9', 'rack >= 0', 'zone like "*"', 'zone in ("a")'].map(holds)).toEqual(
      Array(5).fill(false),
    );
    expect(['zone != "a"', 'NOT zone == "a"'].map(holds)).toEqual([true, true]);
  });

  it('is refused with the column and what was expected', () => {
    expect(refusal('zone == ')).toBe('9: expected a name, a number, or a string but end of input found');
    expect(refusal('zone = "a"')).toMatch(/^6: expected .*a comparison.* but "=" found$/);
    expect(refusal('(zone == "a"')).toMatch(/^13: expected .* but end of input found$/);
    expect(refusal('')).toMatch(/^1: expected /);
  });

  it('is refused for a name that no agent knows, with those that are known', () => {
    expect(refusal('zone == "a" AND rak == "7"')).toMatch(
      /^17: "rak" is no attribute of any agent; known are gpu-model, host, instance, machineType, rack, region/,
    );
    expect(refusal('memory > 1')).toMatch(/^1: "memory" is no attribute.*agent\.memoryMB/);
    expect(refusal('constructor == "x"')).toMatch(/^1: "constructor" is no attribute/);
  });

  it('is refused if types do not fit', () => {
    expect(refusal('zone > 3')).toBe('1: ">" compares a string with a number');
    expect(refusal('agent.cpu == "4"')).toBe('1: "==" compares a number with a string');
    expect(refusal('zone in ("a", 3)')).toBe('1: "in" compares a string with a number');
    expect(refusal('agent.cpu like "4*"')).toBe('1: like compares strings, but its left side is a number');
    expect(refusal('zone')).toBe('1: zone is a value: compare it with something, as in zone == …');
    expect(refusal('uniqueHost == "true"')).toBe(
      '1: uniqueHost is a condition: it stands alone and is not compared',
    );
  });

  it('is refused for a unit that does not fit what is compared', () => {
    expect(refusal('agent.memoryMB > 4GHz')).toMatch(
      /^18: 4GHz has the unit "GHz", but needs a unit such as MB or GiB$/,
    );
    expect(refusal('agent.cpu > 4GB')).toMatch(/needs no unit$/);
    expect(refusal('agent.networkMbps > 4Gb AND agent.memoryMB > 1Gbps')).toMatch(
      /^46: .*such as MB or GiB$/,
    );
  });

  it('tells all that is wrong with its meaning at once', () => {
    expect(refusal('zone > 3 AND rak == "x"').split('; ').length).toBeGreaterThanOrEqual(2);
  });

  it('has bounds of length and depth, so that nobody exhausts the stack', () => {
    expect(refusal(`zone == "${'x'.repeat(maxExpressionLength)}"`)).toMatch(/at most 4096 are allowed$/);
    expect(refusal(`${'('.repeat(1000)}zoneBalance${')'.repeat(1000)}`)).toMatch(
      /^65: is nested more than 64 levels/,
    );
    expect(refusal('NOT '.repeat(1000))).toMatch(/nested more than 64 levels/);
    expect(isTrue(Array(240).fill('zone == "a"').join(' AND '))).toBe(true);
  });

  it('is static unless it asks for what changes while an agent is registered', () => {
    expect(isStatic(parsed('zone == "a" AND agent.memoryMB > 1'))).toBe(true);
    expect(isStatic(parsed('zone == "a" OR free.memoryMB > 1'))).toBe(false);
    expect(isStatic(parsed('NOT uniqueHost'))).toBe(false);
  });
});

describe('like', () => {
  it.each([
    ['abc', 'a*', true],
    ['abc', '*c', true],
    ['abc', 'a?c', true],
    ['abc', 'a?', false],
    ['abc', '**', true],
    ['', '*', true],
    ['', '?', false],
    ['a.c', 'a.c', true],
    ['abc', 'a.c', false],
    ['mississippi', 'm*iss*p?', true],
    ['mississippi', 'm*issx*', false],
  ])('%s like %s is %s', (text, pattern, expected) => {
    expect(matches(text, pattern)).toBe(expected);
  });

  it('takes no exponential time', () => {
    expect(matches('a'.repeat(4000), `${'a*'.repeat(200)}b`)).toBe(false);
  });
});

describe('units', () => {
  it.each([
    ['size', 'GB', 1000],
    ['size', 'GiB', 1073.741824],
    ['size', 'B', 1e-6],
    ['size', 'Gb', 125],
    ['rate', 'Gb', 1000],
    ['rate', 'MBps', 8],
    ['size', 'Gbps', undefined],
    ['count', 'MB', undefined],
    ['size', 'XB', undefined],
  ] as const)('%s in %s', (quantity, unit, factor) => {
    expect(unitFactor(quantity, unit)).toBe(factor);
  });
});

it('prints only the necessary parentheses', () => {
  const print = (text: string) => printExpression(parsed(text));
  expect(print('((zone=="a") and (zoneBalance or uniqueHost))')).toBe(
    'zone == "a" AND (zoneBalance OR uniqueHost)',
  );
  expect(print('not (zone == "a")')).toBe('NOT zone == "a"');
  expect(print('not (zoneBalance and uniqueHost)')).toBe('NOT (zoneBalance AND uniqueHost)');
});

it('has the parser that its grammar generates now (npm run gen)', async () => {
  const script = join(import.meta.dirname, '../../../../../scripts/gen-parser.mjs');
  const { generateParser } = (await import(script)) as { generateParser(): string };
  expect(readFileSync(join(import.meta.dirname, 'gen/parser.ts'), 'utf8')).toBe(generateParser());
});
