import type { Quantity } from '../resources/kinds.js';
import type {
  Comparison,
  Expression,
  ExpressionError,
  Likeness,
  Literal,
  Membership,
  Name,
  Value,
} from './ast.js';
import { conditionNames, type KnownAttributes, meaningOf, numberFacts, unitFactor } from './vocabulary.js';

/** `either` is an attribute with numbers as values only: it may be compared as a string, too. */
type Type = 'string' | 'number' | 'either' | 'unknown';

/** The type of an operand, and the quantity of its numbers. */
interface Typed {
  readonly type: Type;
  readonly quantity?: Quantity;
}

/** All problems in the meaning of an expression; empty if it can be evaluated. */
export function checkExpression(ast: Expression, known: KnownAttributes): readonly ExpressionError[] {
  const errors: ExpressionError[] = [];
  new Checker(known, errors).condition(ast);
  return errors;
}

class Checker {
  readonly #known: KnownAttributes;
  readonly #errors: ExpressionError[];

  constructor(known: KnownAttributes, errors: ExpressionError[]) {
    this.#known = known;
    this.#errors = errors;
  }

  condition(node: Expression): void {
    switch (node.kind) {
      case 'and':
      case 'or':
        this.condition(node.left);
        this.condition(node.right);
        return;
      case 'not':
        return this.condition(node.operand);
      case 'compare':
        return this.#compare(node);
      case 'in':
        return this.#membership(node);
      case 'like':
        return this.#likeness(node);
      case 'name':
        return this.#alone(node);
    }
  }

  #alone({ name, column }: Name): void {
    if (meaningOf(name).kind === 'condition') return;
    const isKnown = this.#typeOf({ kind: 'name', name, column }).type !== 'unknown';
    if (isKnown) this.#refuse(column, `${name} is a value: compare it with something, as in ${name} == …`);
  }

  #compare({ left, right, operator, column }: Comparison): void {
    this.#pair(left, right, { what: operator, column });
  }

  #membership({ value, list, column }: Membership): void {
    for (const item of list) this.#pair(value, item, { what: 'in', column });
  }

  #likeness({ value, column }: Likeness): void {
    const { type } = this.#typeOf(value);
    if (type === 'number') this.#refuse(column, 'like compares strings, but its left side is a number');
  }

  /** Checks that two operands can be compared, and that units fit. */
  #pair(
    left: Value,
    right: Value,
    { what, column }: { readonly what: string; readonly column: number },
  ): void {
    const before = this.#errors.length;
    const a = this.#typeOf(left);
    const b = this.#typeOf(right);
    if (this.#errors.length > before) return;
    if ((a.type === 'string' && b.type === 'number') || (a.type === 'number' && b.type === 'string')) {
      const sides = a.type === 'string' ? 'a string with a number' : 'a number with a string';
      this.#refuse(column, `"${what}" compares ${sides}`);
    }
    this.#checkUnit(left, b.quantity ?? 'count');
    this.#checkUnit(right, a.quantity ?? 'count');
  }

  #checkUnit(value: Value | Literal, quantity: Quantity): void {
    if (value.kind !== 'number' || unitFactor(quantity, value.unit) !== undefined) return;
    const instead = { count: 'no unit', size: 'a unit such as MB or GiB', rate: 'a unit such as Mbps or Gb' }[
      quantity
    ];
    this.#refuse(
      value.column,
      `${value.value}${value.unit} has the unit "${value.unit}", but needs ${instead}`,
    );
  }

  #typeOf(value: Value): Typed {
    if (value.kind !== 'name') return { type: value.kind };
    const meaning = meaningOf(value.name);
    switch (meaning.kind) {
      case 'fact':
        return { type: 'number', quantity: meaning.fact.quantity };
      case 'id':
        return { type: 'string' };
      case 'condition':
        this.#refuse(value.column, `${value.name} is a condition: it stands alone and is not compared`);
        return { type: 'unknown' };
      case 'attribute':
        return { type: this.#attributeType(meaning.name, value.column) };
    }
  }

  #attributeType(name: string, column: number): Type {
    const type = this.#known.get(name);
    if (type !== undefined) return type === 'number' ? 'either' : 'string';
    this.#refuse(
      column,
      `${JSON.stringify(name)} is no attribute of any agent; known are ${this.#vocabulary()}`,
    );
    return 'unknown';
  }

  #vocabulary(): string {
    return [...[...this.#known.keys()].sort(), ...numberFacts.keys(), 'agent.id', ...conditionNames].join(
      ', ',
    );
  }

  /** The same word at the same place is complained about once. */
  #refuse(column: number, message: string): void {
    if (!this.#errors.some((error) => error.column === column && error.message === message)) {
      this.#errors.push({ column, message });
    }
  }
}
