import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Expression, Literal, Name, Value } from './ast.js';
import { checkExpression } from './check.js';
import { compileExpression, type Facts, matches } from './compile.js';
import { parseExpression } from './parse.js';
import { printExpression } from './print.js';
import { knownAttributes } from './vocabulary.js';

const column = 0;
const name = (text: string): Name => ({ kind: 'name', name: text, column });
const texts = fc.constantFrom('', 'a', 'b', 'ab', '*', '?', "it's", 'ä b');
const stringLiteral = texts.map((value): Literal => ({ kind: 'string', value, column }));
const numberLiteral = fc
  .integer({ min: -3, max: 3 })
  .map((value): Literal => ({ kind: 'number', value, unit: '', column }));
const stringValue: fc.Arbitrary<Value> = fc.oneof(
  fc.constantFrom(name('zone'), name('agent.host'), name('agent.id')),
  stringLiteral,
);
const numberValue: fc.Arbitrary<Value> = fc.oneof(
  fc.constantFrom(name('agent.cpu'), name('free.ports'), name('rack')),
  numberLiteral,
);
const operator = fc.constantFrom('<', '<=', '==', '!=', '>=', '>');

const leaf: fc.Arbitrary<Expression> = fc.oneof(
  fc.constantFrom(name('uniqueHost'), name('zoneBalance')),
  fc.record({
    kind: fc.constant('compare'),
    operator,
    left: stringValue,
    right: stringValue,
    column: fc.constant(column),
  }),
  fc.record({
    kind: fc.constant('compare'),
    operator,
    left: numberValue,
    right: numberValue,
    column: fc.constant(column),
  }),
  fc.record({
    kind: fc.constant('in'),
    value: stringValue,
    list: fc.array(stringLiteral, { minLength: 1, maxLength: 3 }),
    column: fc.constant(column),
  }),
  fc.record({
    kind: fc.constant('like'),
    value: stringValue,
    pattern: texts.map((value) => ({ kind: 'string', value, column }) as const),
    column: fc.constant(column),
  }),
) as fc.Arbitrary<Expression>;

const { tree: expressions } = fc.letrec<{ tree: Expression }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    leaf,
    fc.record({
      kind: fc.constantFrom('and', 'or'),
      left: tie('tree'),
      right: tie('tree'),
    }) as fc.Arbitrary<Expression>,
    fc.record({ kind: fc.constant('not'), operand: tie('tree') }) as fc.Arbitrary<Expression>,
  ),
}));

const maybe = (values: fc.Arbitrary<string>) => fc.option(values, { nil: undefined });
const allFacts: fc.Arbitrary<Facts> = fc
  .record({
    id: texts,
    zone: maybe(texts),
    host: maybe(texts),
    rack: maybe(fc.constantFrom('1', '-2', '2.5')),
    cpu: fc.nat(3),
    ports: fc.nat(3),
    held: fc.subarray(['uniqueHost', 'zoneBalance']),
  })
  .map(({ id, zone, host, rack, cpu, ports, held }) => {
    const none = { cpuMillis: 0, memoryMb: 0, diskMb: 0, networkMbps: 0, gpuMillis: 0, ports: 0, eni: 0 };
    const attributes = Object.fromEntries(
      Object.entries({ zone, host, rack }).filter(
        (entry): entry is [string, string] => entry[1] !== undefined,
      ),
    );
    return {
      id,
      attributes,
      total: { ...none, cpuMillis: cpu * 1000 },
      free: { ...none, ports },
      holds: (condition) => held.includes(condition),
    };
  });

/** The meaning of an expression as plain code. */
function evaluate(ast: Expression, facts: Facts): boolean {
  switch (ast.kind) {
    case 'and':
      return evaluate(ast.left, facts) && evaluate(ast.right, facts);
    case 'or':
      return evaluate(ast.left, facts) || evaluate(ast.right, facts);
    case 'not':
      return !evaluate(ast.operand, facts);
    case 'name':
      return facts.holds(ast.name as 'uniqueHost');
    case 'in':
      return ast.list.some((item) => item.value === plainValue(ast.value, facts));
    case 'like': {
      const value = plainValue(ast.value, facts);
      return value !== undefined && matches(String(value), ast.pattern.value);
    }
    case 'compare': {
      const [a, b] = [plainValue(ast.left, facts), plainValue(ast.right, facts)];
      const isEqual = a !== undefined && a === b;
      if (ast.operator === '==') return isEqual;
      if (ast.operator === '!=') return !isEqual;
      if (a === undefined || b === undefined) return false;
      return { '<': a < b, '<=': a <= b, '>': a > b, '>=': a >= b }[ast.operator];
    }
  }
}

/** Of the attributes only `rack` is compared with numbers, and it always is one. */
function plainValue(value: Value, { id, attributes, total, free }: Facts): string | number | undefined {
  if (value.kind !== 'name') return value.value;
  switch (value.name) {
    case 'agent.cpu':
      return total.cpuMillis / 1000;
    case 'free.ports':
      return free.ports;
    case 'agent.id':
      return id;
    case 'rack':
      return attributes.rack === undefined ? undefined : Number(attributes.rack);
    default:
      return attributes[value.name.replace('agent.', '')];
  }
}

/** Two attributes with numbers are compared as strings. The plain meaning does not model that. */
function hasRackPair(ast: Expression): boolean {
  if (ast.kind === 'and' || ast.kind === 'or') return hasRackPair(ast.left) || hasRackPair(ast.right);
  if (ast.kind === 'not') return hasRackPair(ast.operand);
  return (
    ast.kind === 'compare' &&
    [ast.left, ast.right].every((side) => side.kind === 'name' && side.name === 'rack')
  );
}

const withoutColumns = (ast: Expression) =>
  JSON.parse(JSON.stringify(ast, (key, value) => (key === 'column' ? 0 : value)));
const known = knownAttributes([{ rack: '1' }]);

it('prints what parses to the same', () => {
  fc.assert(
    fc.property(expressions, (ast) => {
      const parsed = parseExpression(printExpression(ast));
      expect(parsed.ok && withoutColumns(parsed.ast)).toEqual(withoutColumns(ast));
    }),
    { numRuns: 300 },
  );
});

it('evaluates, once checked, to what its parts plainly mean', () => {
  fc.assert(
    fc.property(expressions, allFacts, (ast, facts) => {
      fc.pre(!hasRackPair(ast));
      expect(checkExpression(ast, known)).toEqual([]);
      expect(compileExpression(ast)(facts)).toBe(evaluate(ast, facts));
    }),
    { numRuns: 1000 },
  );
});

it('names a column in each failure, for any text', () => {
  const words = [
    'zone',
    '==',
    '(',
    ')',
    '"',
    "'",
    'and',
    'NOT',
    'in',
    'like',
    '3GB',
    ',',
    '"a"',
    'é',
    '<',
    ' ',
  ];
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...words), { maxLength: 12 }), (parts) => {
      const text = parts.join(' ');
      const result = parseExpression(text);
      const errors = result.ok ? checkExpression(result.ast, known) : [result.error];
      for (const { column, message } of errors) {
        expect(column).toBeGreaterThanOrEqual(1);
        expect(column).toBeLessThanOrEqual(text.length + 1);
        expect(message).not.toBe('');
      }
    }),
  );
});
