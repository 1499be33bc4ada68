import type { Resources } from '../../gen/berth/v1/store.js';
import type { Quantity } from '../resources/kinds.js';
import type { Comparison, Expression, Likeness, Membership, NumberLiteral, Operator, Value } from './ast.js';
import { type ConditionName, isNumeric, meaningOf, type NumberFact, unitFactor } from './vocabulary.js';

/** All that an expression may ask of an agent. */
export interface Facts {
  readonly id: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly total: Resources;
  readonly free: Resources;
  /** True if a task placed here now would satisfy the condition. */
  holds(condition: ConditionName): boolean;
}

export type Predicate = (facts: Facts) => boolean;

type Read<T> = (facts: Facts) => T;

/**
 * The expression as a function. An attribute that an agent lacks equals nothing: every comparison with it is
 * false, except `!=`: that is always the opposite of `==`. The expression must have passed `checkExpression`.
 */
export function compileExpression(ast: Expression): Predicate {
  switch (ast.kind) {
    case 'and': {
      const [left, right] = [compileExpression(ast.left), compileExpression(ast.right)];
      return (facts) => left(facts) && right(facts);
    }
    case 'or': {
      const [left, right] = [compileExpression(ast.left), compileExpression(ast.right)];
      return (facts) => left(facts) || right(facts);
    }
    case 'not': {
      const operand = compileExpression(ast.operand);
      return (facts) => !operand(facts);
    }
    case 'compare':
      return compileComparison(ast);
    case 'in':
      return compileMembership(ast);
    case 'like':
      return compileLikeness(ast);
    case 'name': {
      const meaning = meaningOf(ast.name);
      return meaning.kind === 'condition' ? (facts) => facts.holds(meaning.name) : () => false;
    }
  }
}

/** True if the result changes only when an agent registers anew. */
export function isStatic(ast: Expression): boolean {
  return namesIn(ast).every((name) => {
    const meaning = meaningOf(name);
    return meaning.kind !== 'condition' && !(meaning.kind === 'fact' && meaning.fact.of === 'free');
  });
}

/** True if the expression names the condition anywhere. */
export function mentions(ast: Expression, condition: string): boolean {
  return namesIn(ast).includes(condition);
}

/** The parts that AND joins; the whole expression if there are none. */
export function conjuncts(ast: Expression): readonly Expression[] {
  return ast.kind === 'and' ? [...conjuncts(ast.left), ...conjuncts(ast.right)] : [ast];
}

function namesIn(ast: Expression): readonly string[] {
  const nameOf = (value: Value) => (value.kind === 'name' ? [value.name] : []);
  switch (ast.kind) {
    case 'and':
    case 'or':
      return [...namesIn(ast.left), ...namesIn(ast.right)];
    case 'not':
      return namesIn(ast.operand);
    case 'compare':
      return [...nameOf(ast.left), ...nameOf(ast.right)];
    case 'in':
    case 'like':
      return nameOf(ast.value);
    case 'name':
      return [ast.name];
  }
}

function compileComparison({ operator, left, right }: Comparison): Predicate {
  if (isNumber(left) || isNumber(right)) {
    const a = readNumber(left, quantityOf(right));
    const b = readNumber(right, quantityOf(left));
    return compareWith(operator, a, b);
  }
  return compareWith(operator, readText(left), readText(right));
}

function compareWith<T extends string | number>(
  operator: Operator,
  a: Read<T | undefined>,
  b: Read<T | undefined>,
): Predicate {
  const isEqual: Predicate = (facts) => {
    const value = a(facts);
    return value !== undefined && value === b(facts);
  };
  const both =
    (test: (x: T, y: T) => boolean): Predicate =>
    (facts) => {
      const [x, y] = [a(facts), b(facts)];
      return x !== undefined && y !== undefined && test(x, y);
    };
  switch (operator) {
    case '==':
      return isEqual;
    case '!=':
      return (facts) => !isEqual(facts);
    case '<':
      return both((x, y) => x < y);
    case '<=':
      return both((x, y) => x <= y);
    case '>=':
      return both((x, y) => x >= y);
    case '>':
      return both((x, y) => x > y);
  }
}

function compileMembership({ value, list, column }: Membership): Predicate {
  const tests = list.map((item) =>
    compileComparison({ kind: 'compare', operator: '==', left: value, right: item, column }),
  );
  return (facts) => tests.some((test) => test(facts));
}

function compileLikeness({ value, pattern }: Likeness): Predicate {
  const read = readText(value);
  return (facts) => {
    const text = read(facts);
    return text !== undefined && matches(text, pattern.value);
  };
}

/** True if the text is like the pattern. At worst this takes the product of both lengths. */
export function matches(text: string, pattern: string): boolean {
  let [at, by, star, retry] = [0, 0, -1, 0];
  while (at < text.length) {
    if (pattern[by] === '*') {
      [star, retry] = [by, at];
      by += 1;
    } else if (pattern[by] === '?' || pattern[by] === text[at]) {
      at += 1;
      by += 1;
    } else if (star >= 0) {
      retry += 1;
      [at, by] = [retry, star + 1];
    } else return false;
  }
  while (pattern[by] === '*') by += 1;
  return by === pattern.length;
}

/** True if the operand makes the comparison one of numbers. */
function isNumber(value: Value): boolean {
  return value.kind === 'number' || (value.kind === 'name' && meaningOf(value.name).kind === 'fact');
}

function quantityOf(value: Value): Quantity {
  const meaning = value.kind === 'name' ? meaningOf(value.name) : undefined;
  return meaning?.kind === 'fact' ? meaning.fact.quantity : 'count';
}

function readNumber(value: Value, quantity: Quantity): Read<number | undefined> {
  if (value.kind === 'number') return constant(inUnit(value, quantity));
  if (value.kind === 'name') {
    const meaning = meaningOf(value.name);
    if (meaning.kind === 'fact') return readFact(meaning.fact);
  }
  const text = readText(value);
  return (facts) => {
    const read = text(facts);
    return read !== undefined && isNumeric(read) ? Number(read) : undefined;
  };
}

function readFact({ resource, of, perUnit }: NumberFact): Read<number> {
  return (facts) => facts[of][resource] / perUnit;
}

function inUnit({ value, unit }: NumberLiteral, quantity: Quantity): number {
  return value * (unitFactor(quantity, unit) ?? 1);
}

function readText(value: Value): Read<string | undefined> {
  if (value.kind !== 'name') return constant(String(value.value));
  const meaning = meaningOf(value.name);
  switch (meaning.kind) {
    case 'id':
      return (facts) => facts.id;
    case 'attribute': {
      const { name } = meaning;
      return ({ attributes }) => (Object.hasOwn(attributes, name) ? attributes[name] : undefined);
    }
    default:
      return constant(undefined);
  }
}

function constant<T>(value: T): Read<T> {
  return () => value;
}
