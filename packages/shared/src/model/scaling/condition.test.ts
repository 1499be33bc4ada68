import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Aggregate, Condition } from './ast.js';
import { checkCondition } from './check.js';
import { aggregate, evaluate, type Reading } from './evaluate.js';
import { parseAction, parseCondition } from './parse.js';

/** Returns all faults of the text, as `COLUMN: MESSAGE`. */
function problems(text: string): readonly string[] {
  const parsed = parseCondition(text);
  const errors = parsed.ok ? checkCondition(parsed.ast) : [parsed.error];
  return errors.map(({ column, message }) => `${column}: ${message}`);
}

function condition(text: string): Condition {
  const parsed = parseCondition(text);
  if (!parsed.ok || parsed.ast.kind === 'target') throw new Error(`${text} is no plain condition`);
  expect(checkCondition(parsed.ast)).toEqual([]);
  return parsed.ast;
}

/** Readings of one metric, a task each. */
function of(metric: string, ...values: number[]): Reading[] {
  return values.map((value) => ({ [metric]: value }));
}

const holds = (text: string, readings: readonly Reading[]) => evaluate(condition(text), readings).holds;

it('has the parser that its grammar generates now (npm run gen)', async () => {
  const script = join(import.meta.dirname, '../../../../../scripts/gen-parser.mjs');
  const { generateParser } = (await import(script)) as { generateParser(folder: string): string };
  const committed = readFileSync(join(import.meta.dirname, 'gen/parser.ts'), 'utf8');
  expect(committed).toBe(generateParser('scaling'));
});

describe('a condition', () => {
  it.each([
    'avg(CPUUtilization) > 80%',
    'AVG( CPUUtilization )>80',
    'p99(latency_ms) >= 250.5 and count(latency_ms) > 3',
    'not (max(queueDepth) < 10 or min(queueDepth) == 0)',
    'sum(NetworkIn) > 1Gb',
    'avg(NetworkOut) > 12.5MB/s',
    'target(CPUUtilization) = 60%',
    'target(app:requests) == 200',
  ])('may be %s', (text) => expect(problems(text)).toEqual([]));

  it.each([
    ['avg(CPUUtilization) > ', '23: expected a number but end of input found'],
    ['CPUUtilization > 80%', '1: expected "(", "target", NOT, or a function such as avg but "C" found'],
    ['avg(CPUUtilization > 80%', '20: expected ")"'],
    ['avg(CPUUtilisation) > 80%', '5: CPUUtilisation is no metric; did you mean CPUUtilization?'],
    ['avg(cpuutilization) > 80%', '5: cpuutilization is no metric; did you mean CPUUtilization?'],
    ['avg(CPUUtilization) > 80Mbps', '23: 80Mbps has the unit "Mbps"'],
    ['avg(NetworkIn) > 80%', '18: 80% has the unit "%", but avg(NetworkIn) is Mbps'],
    ['max(queueDepth) > 80%', '19: 80% has the unit "%", but max(queueDepth) is a number without a unit'],
    [
      'count(CPUUtilization) > 80%',
      '25: 80% has the unit "%", but count(CPUUtilization) is a number of tasks',
    ],
    ['target(CPUUtilization) = 0%', '26: a target must be greater than 0'],
    ['target(CPUUtilization) = 60% AND avg(NetworkIn) > 1', '30: expected end of input'],
  ])('is refused with the column: %s', (text, expected) => {
    const found = problems(text);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(expected);
  });

  it('reports all its faults at once', () => {
    expect(problems('avg(CPUUtilisation) > 8Mbps OR avg(NetworkIn) > 5%')).toHaveLength(2);
  });
});

describe('an action', () => {
  it.each([
    ['addInstances 1', { verb: 'addInstances', amount: 1 }],
    [' REMOVEINSTANCES 2 ', { verb: 'removeInstances', amount: 2 }],
    ['setInstances 30', { verb: 'setInstances', amount: 30 }],
    ['addPercent 25%', { verb: 'addPercent', amount: 25 }],
    ['removePercent 10', { verb: 'removePercent', amount: 10 }],
  ])('may be %s', (text, ast) => expect(parseAction(text)).toEqual({ ok: true, ast }));

  it.each([
    ['addInstance 1', 1],
    ['addInstances -1', 14],
    ['addInstances 1.5', 14],
    ['addInstances', 13],
  ])('is refused with the column: %s', (text, column) =>
    expect(parseAction(text)).toMatchObject({ ok: false, error: { column } }),
  );
});

describe('a function', () => {
  const values = of('x', 5, 1, 4, 2, 3, 10, 6, 9, 8, 7);
  const value = (fn: Aggregate['fn'], readings: readonly Reading[] = values) =>
    aggregate({ fn, metric: { name: 'x', column: 1 }, column: 1 }, readings);

  it.each([
    ['avg', 5.5],
    ['sum', 55],
    ['min', 1],
    ['max', 10],
    // By nearest rank: the 5th, the 9th and the 10th of ten.
    ['p50', 5],
    ['p90', 9],
    ['p99', 10],
    ['count', 10],
  ] as const)('%s of 1 to 10 is %d', (fn, expected) => expect(value(fn)).toBe(expected));

  it('uses only tasks that have the metric', () => {
    const some = [{ x: 4 }, { y: 100 }, { x: 8 }];
    expect([value('avg', some), value('count', some)]).toEqual([6, 2]);
  });

  it('is unknown without any value, except for count', () => {
    expect(value('avg', [{ y: 1 }])).toBeUndefined();
    expect(value('count', [{ y: 1 }])).toBe(0);
  });
});

describe('the truth of a condition', () => {
  it.each([
    ['avg(x) > 2', true],
    ['avg(x) > 3', false],
    ['avg(x) >= 3', true],
    ['avg(x) < 3', false],
    ['avg(x) <= 3', true],
    ['avg(x) == 3', true],
    ['avg(x) != 3', false],
    ['NOT avg(x) > 3', true],
    ['max(x) > 3 AND min(x) < 2', false],
    ['max(x) > 3 AND min(x) < 3', true],
    ['max(x) > 4 OR min(x) == 2', true],
    ['avg(x) > 2 OR avg(x) > 3 AND avg(x) > 4', true],
  ])('%s, where x is 2 and 4, is %s', (text, expected) => expect(holds(text, of('x', 2, 4))).toBe(expected));

  it('is unknown only if it depends on an unknown value', () => {
    const readings = of('x', 3);
    expect(holds('avg(y) > 1', readings)).toBeUndefined();
    expect(holds('NOT avg(y) > 1', readings)).toBeUndefined();
    expect(holds('avg(x) > 1 AND avg(y) > 1', readings)).toBeUndefined();
    expect(holds('avg(x) > 5 AND avg(y) > 1', readings)).toBe(false);
    expect(holds('avg(x) > 1 OR avg(y) > 1', readings)).toBe(true);
  });

  it('compares in the unit of the metric', () => {
    expect(holds('sum(NetworkIn) > 1Gb', of('NetworkIn', 600, 600))).toBe(true);
    expect(holds('sum(NetworkIn) > 1GB/s', of('NetworkIn', 600, 600))).toBe(false);
  });

  it('returns the values that it used', () => {
    expect(evaluate(condition('avg(x) > 1 AND max(x) < 9'), of('x', 2, 4)).values).toEqual({
      'avg(x)': 3,
      'max(x)': 4,
    });
  });

  it.each([
    ['avg(x) > 80', 73, true],
    ['avg(x) > 80', 72, false],
    ['avg(x) < 80', 87, true],
    ['avg(x) < 80', 88, false],
    ['NOT avg(x) < 80', 73, true],
    ['NOT avg(x) < 80', 71, false],
  ])('relaxes by 10 per cent on request: %s at %d is %s', (text, value, expected) =>
    expect(evaluate(condition(text), of('x', value), { pct: 10 }).holds).toBe(expected),
  );
});
