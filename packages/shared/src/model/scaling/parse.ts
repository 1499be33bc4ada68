import { type Parsed, parseWith } from '../expression/parse.js';
import type { Action, Condition, Target } from './ast.js';
import { parse } from './gen/parser.js';

const verbs = ['addInstances', 'removeInstances', 'setInstances', 'addPercent', 'removePercent'] as const;

/** Parses a condition. The error names the expected text and its column. */
export function parseCondition(text: string): Parsed<Condition | Target> {
  return parseWith((each) => parse(each, { startRule: 'Condition' }), text);
}

/** Reads an action; its words may be written in any case. */
export function parseAction(text: string): Parsed<Action> {
  const parsed = parseWith<Action>((each) => parse(each, { startRule: 'Action' }), text);
  if (!parsed.ok) return parsed;
  const { verb: written, amount } = parsed.ast;
  const verb = verbs.find((each) => each.toLowerCase() === written) ?? written;
  return { ok: true, ast: { verb, amount } };
}
