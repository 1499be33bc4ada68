/**
 * A constraint expression, parsed. Columns count from 1. `grammar.peggy` says how each node is written.
 */
export type Expression = Junction | Negation | Comparison | Membership | Likeness | Name;

/** Both, or either, of two conditions. */
interface Junction {
  readonly kind: 'and' | 'or';
  readonly left: Expression;
  readonly right: Expression;
}

interface Negation {
  readonly kind: 'not';
  readonly operand: Expression;
}

export type Operator = '<' | '<=' | '==' | '!=' | '>=' | '>';

export interface Comparison {
  readonly kind: 'compare';
  readonly operator: Operator;
  readonly left: Value;
  readonly right: Value;
  readonly column: number;
}

/** `value in (a, b)` */
export interface Membership {
  readonly kind: 'in';
  readonly value: Value;
  readonly list: readonly Literal[];
  readonly column: number;
}

/** `value like "pattern"`, where `*` stands for any characters and `?` for one. */
export interface Likeness {
  readonly kind: 'like';
  readonly value: Value;
  readonly pattern: StringLiteral;
  readonly column: number;
}

export type Value = Name | Literal;
export type Literal = StringLiteral | NumberLiteral;

/** An attribute, a resource of the agent, or (standing alone) a constraint. */
export interface Name {
  readonly kind: 'name';
  readonly name: string;
  readonly column: number;
}

interface StringLiteral {
  readonly kind: 'string';
  readonly value: string;
  readonly column: number;
}

/** A number with its unit as written; '' for none. */
export interface NumberLiteral {
  readonly kind: 'number';
  readonly value: number;
  readonly unit: string;
  readonly column: number;
}

/** A problem of an expression and its place; columns count from 1. */
export interface ExpressionError {
  readonly column: number;
  readonly message: string;
}
