import type { Expression, Literal, Value } from './ast.js';

/** How tightly each kind of node binds; an operand that binds less gets parentheses. */
const strength = { or: 0, and: 1, not: 2, compare: 3, in: 3, like: 3, name: 3 } as const;

/** The expression as text that parses to the same. */
export function printExpression(expression: Expression): string {
  switch (expression.kind) {
    case 'and':
    case 'or': {
      // Both junctions group to the left, so a junction of the same kind on the right needs parentheses.
      const own = strength[expression.kind];
      const word = expression.kind.toUpperCase();
      return `${operand(expression.left, own)} ${word} ${operand(expression.right, own + 1)}`;
    }
    case 'not':
      return `NOT ${operand(expression.operand, strength.not)}`;
    case 'compare':
      return `${printValue(expression.left)} ${expression.operator} ${printValue(expression.right)}`;
    case 'in':
      return `${printValue(expression.value)} in (${expression.list.map(printValue).join(', ')})`;
    case 'like':
      return `${printValue(expression.value)} like ${printValue(expression.pattern)}`;
    case 'name':
      return expression.name;
  }
}

function operand(expression: Expression, least: number): string {
  const text = printExpression(expression);
  return strength[expression.kind] < least ? `(${text})` : text;
}

function printValue(value: Value | Literal): string {
  switch (value.kind) {
    case 'name':
      return value.name;
    case 'string':
      return value.value.includes('"') ? `'${value.value}'` : `"${value.value}"`;
    case 'number':
      return `${value.value}${value.unit}`;
  }
}
