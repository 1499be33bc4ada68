// Generates the parsers of the model's languages from their grammars: plain code without dependencies, which
// is committed.
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import peggy from 'peggy';

const model = join(dirname(fileURLToPath(import.meta.url)), '../packages/shared/src/model');

/** The languages by the folder of their grammar, with their start rules; the first rule is the default. */
const languages = { expression: ['Expression'], scaling: ['Condition', 'Action'] };

// Helpers for the actions of the grammars.
const helpers = `
  function join(kind, first, rest) {
    return rest.reduce((left, right) => ({ kind, left, right }), first);
  }
  function negate(not, operand) {
    return not === null ? operand : { kind: 'not', operand };
  }
`;

// Returns the column of the action's text. Each parsed text has a helper of its own.
const perText = 'function column() { return offset() + 1; }';

/** Returns the source of a language's parser. A test compares it with the committed file. */
export function generateParser(folder = 'expression') {
  const text = readFileSync(join(model, folder, 'grammar.peggy'), 'utf8');
  const rules = languages[folder];
  const options = { output: 'source', format: 'es', allowedStartRules: rules };
  const source = peggy.generate(`{{${helpers}}}\n{${perText}}\n${text}`, options);
  // Only the function is useful: the rest of a generated parser has no types.
  const body = source.slice(0, source.lastIndexOf('export {'));
  return [
    '// @ts-nocheck',
    '// Generated from ../grammar.peggy by `npm run gen`: do not edit.',
    body.trimEnd(),
    '',
    '/** Parses a text; throws an error with `location` and `message`. */',
    rules.length === 1
      ? 'export const parse: (text: string) => unknown = peg$parse;'
      : `export const parse: (text: string, options?: { startRule: ${rules.map((rule) => `'${rule}'`).join(' | ')} }) => unknown = peg$parse;`,
    '',
  ].join('\n');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const folder of Object.keys(languages))
    writeFileSync(join(model, folder, 'gen/parser.ts'), generateParser(folder));
}
