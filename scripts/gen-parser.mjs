// Makes the parser of constraint expressions from its grammar: plain code without dependencies, which is committed.
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import peggy from 'peggy';

const folder = join(dirname(fileURLToPath(import.meta.url)), '../packages/shared/src/model/expression');

// Helpers that the grammar's actions use.
const helpers = `
  function join(kind, first, rest) {
    return rest.reduce((left, right) => ({ kind, left, right }), first);
  }
  function negate(not, operand) {
    return not === null ? operand : { kind: 'not', operand };
  }
`;

// The column at which what an action stands for begins; a helper of its own for each text that is parsed.
const perText = 'function column() { return offset() + 1; }';

/** The parser's source; a test compares it with the committed file. */
export function generateParser() {
  const grammar = `{{${helpers}}}\n{${perText}}\n${readFileSync(join(folder, 'grammar.peggy'), 'utf8')}`;
  const source = peggy.generate(grammar, { output: 'source', format: 'es' });
  // Only the function is of use: the rest of a generated parser does not carry types.
  const body = source.slice(0, source.lastIndexOf('export {'));
  return [
    '// @ts-nocheck',
    '// Generated from ../grammar.peggy by `npm run gen`: do not edit.',
    body.trimEnd(),
    '',
    '/** Parses an expression; throws an error with `location` and `message`. */',
    'export const parse: (text: string) => unknown = peg$parse;',
    '',
  ].join('\n');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(join(folder, 'gen/parser.ts'), generateParser());
}
