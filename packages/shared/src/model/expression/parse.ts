import type { Expression, ExpressionError } from './ast.js';
import { parse } from './gen/parser.js';

/** Longer expressions are refused, so that no caller makes placement slow for all. */
export const maxExpressionLength = 4096;

/** Deeper nesting is refused: it could exhaust the stack. */
const maxDepth = 64;

export type Parsed<T = Expression> =
  | { readonly ok: true; readonly ast: T }
  | { readonly ok: false; readonly error: ExpressionError };

/** The errors of peggy. */
interface SyntaxFailure {
  readonly message: string;
  readonly location: { readonly start: { readonly offset: number } };
}

/** Reads an expression; the error names the expected text and the column. */
export function parseExpression(text: string): Parsed {
  return parseWith<Expression>(parse, text);
}

/** Reads a text by one of the model's generated parsers. The parser must make a `T`. */
export function parseWith<T>(parser: (text: string) => unknown, text: string): Parsed<T> {
  const refusal = tooMuch(text);
  if (refusal !== undefined) return { ok: false, error: refusal };
  try {
    return { ok: true, ast: parser(text) as T };
  } catch (error) {
    if (!isSyntaxFailure(error)) throw error;
    return {
      ok: false,
      error: { column: error.location.start.offset + 1, message: sentence(error.message) },
    };
  }
}

function tooMuch(text: string): ExpressionError | undefined {
  if (text.length > maxExpressionLength) {
    const message = `has ${text.length} characters; at most ${maxExpressionLength} are allowed`;
    return { column: maxExpressionLength + 1, message };
  }
  let depth = 0;
  for (const { 0: word, index } of text.matchAll(/"[^"]*"|'[^']*'|\(|\)|\bnot\b/gi)) {
    if (word === ')') depth = Math.max(0, depth - 1);
    else if (word === '(' || /^not$/i.test(word)) depth += 1;
    if (depth > maxDepth)
      return { column: index + 1, message: `is nested more than ${maxDepth} levels deep` };
  }
  return undefined;
}

function isSyntaxFailure(error: unknown): error is SyntaxFailure {
  return error instanceof SyntaxError && 'location' in error;
}

function sentence(message: string): string {
  return message.replace(/\.$/, '').replace(/^Expected/, 'expected');
}
