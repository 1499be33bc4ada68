// Measures how plain the English of comments and docs is, and prints the sentences that are hard to read.
//   node scripts/prose.mjs                 the figures of the whole tree, by folder
//   node scripts/prose.mjs PATH ...        the same for these files or folders, with every offender
// test/conformance/plain-english.test.ts holds the bounds.
import { execFileSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** The share of sentences that may begin with such a word, and how many of these words stand in 1,000. */
export const bounds = { clauseStartsShare: 0.01, clauseWordsPerThousand: 8, commentColumns: 110 };

const clauseStart = /^(?:what|who|whom|whose|whether|where|which|whatever|whoever|wherever)\b/i;
const clauseWord = /\b(?:what|who|whom|whose|whether|where|which|whatever|whoever|wherever)\b/gi;
const notOurs = /(?:^|\/)(?:gen|facts|node_modules|dist)\//;
const othersProtos = /^protos\/(?:google|grpc)\//;

/** The files of the tree that hold prose of ours. */
export function proseFiles(dir = root) {
  const listed = execFileSync('git', ['ls-files', '-co', '--exclude-standard'], {
    cwd: dir,
    encoding: 'utf8',
  });
  return listed
    .split('\n')
    .filter((path) => /\.(?:ts|mjs|proto|md|grit)$/.test(path))
    .filter((path) => !notOurs.test(path) && !othersProtos.test(path))
    .filter((path) => statSync(join(dir, path), { throwIfNoEntry: false }) !== undefined);
}

/**
 * The blocks of prose in a file: `{ line, text }`, a block for each comment, paragraph, list item or cell of
 * a table.
 */
export function proseOf(path, source) {
  return path.endsWith('.md') ? markdownBlocks(source) : commentBlocks(source);
}

/** `{ sentences, words, clauseWords, offenders }` of a file; an offender is `{ line, kind, text }`. */
export function measure(path, source) {
  const blocks = proseOf(path, source);
  const sum = { sentences: 0, words: 0, clauseWords: 0, offenders: [] };
  for (const { line, text } of blocks)
    for (const sentence of sentencesOf(text)) {
      const found = sentence.match(clauseWord) ?? [];
      sum.sentences += 1;
      sum.words += sentence.match(/[\w'’-]+/g)?.length ?? 0;
      sum.clauseWords += found.length;
      if (clauseStart.test(sentence)) sum.offenders.push({ line, kind: 'start', text: sentence });
      else if (found.length > 0) sum.offenders.push({ line, kind: 'word', text: sentence });
    }
  if (!path.endsWith('.md')) sum.offenders.push(...longComments(source));
  return sum;
}

function sentencesOf(text) {
  return text
    .replace(/`[^`]*`/g, 'code')
    .replace(/\b(e\.g|i\.e|etc|cf|vs)\./gi, '$1')
    .split(/(?<=[.!?][)"']?)\s+/)
    .map((sentence) => sentence.replace(/^[\s(*_"'“>-]+/, '').trim())
    .filter((sentence) => /[a-z]/i.test(sentence));
}

/**
 * Comments of TypeScript, JavaScript and protos. Adjacent lines are one block; a blank comment line ends it.
 */
function commentBlocks(source) {
  const blocks = [];
  let block;
  const end = () => {
    if (block?.text.trim()) blocks.push(block);
    block = undefined;
  };
  for (const { line, text } of commentLines(source)) {
    const prose = text.replace(/^@\w+(?:\s+\{[^}]*\})?/, '').trim();
    if (prose === '' || (block && line > block.last + 1)) end();
    if (prose === '') continue;
    if (block && /^(?:[-*•]|\d+\.)\s/.test(prose)) end();
    block ??= { line, last: line, text: '' };
    block.text += ` ${prose.replace(/^(?:[-*•]|\d+\.)\s+/, '')}`;
    block.last = line;
  }
  end();
  return blocks;
}

function* commentLines(source) {
  let inBlock = false;
  for (const [index, row] of source.split('\n').entries()) {
    const line = index + 1;
    if (inBlock) {
      inBlock = !row.includes('*/');
      yield { line, text: row.replace(/\*\/.*$/, '').replace(/^\s*\*?\s?/, '') };
      continue;
    }
    const opened = row.match(/^\s*(?:\{\s*)?\/\*+!?\s?(.*)$/);
    if (opened) {
      inBlock = !opened[1].includes('*/');
      yield { line, text: opened[1].replace(/\*\/.*$/, '') };
      if (!inBlock) yield { line, text: '' };
      continue;
    }
    const whole = row.match(/^\s*\/\/+\s?(.*)$/);
    const trailing = whole ? undefined : row.match(/[;,{)\]}\w]\s+\/\/\s(.*)$/);
    if (whole) yield { line, text: whole[1] };
    else if (trailing) {
      yield { line, text: '' };
      yield { line, text: trailing[1] };
      yield { line, text: '' };
    }
  }
}

function longComments(source) {
  return source.split('\n').flatMap((row, index) => {
    const isComment = /^\s*(?:\/\/|\/?\*)/.test(row);
    if (!isComment || row.length <= bounds.commentColumns || /https?:\/\/\S{60}/.test(row)) return [];
    return [{ line: index + 1, kind: 'long', text: `${row.length} columns: ${row.trim()}` }];
  });
}

function markdownBlocks(source) {
  const blocks = [];
  let block;
  let fenced = false;
  const end = () => {
    if (block) blocks.push(block);
    block = undefined;
  };
  for (const [index, row] of source.split('\n').entries()) {
    const line = index + 1;
    if (/^\s*(?:```|~~~)/.test(row)) {
      end();
      fenced = !fenced;
    } else if (fenced || /^\s*\|?[\s|:-]*$/.test(row) || /^\s*<[^>]+>\s*$/.test(row)) end();
    else if (/^\s*\|/.test(row)) {
      end();
      for (const cell of row.split(/(?<!\\)\|/)) if (cell.trim()) blocks.push({ line, text: cell.trim() });
    } else if (/^#/.test(row)) {
      end();
      blocks.push({ line, text: row.replace(/^#+\s*/, '') });
    } else {
      if (/^\s*(?:[-*]|\d+\.)\s/.test(row)) end();
      block ??= { line, text: '' };
      block.text += ` ${row.trim().replace(/^(?:[-*]|\d+\.)\s+/, '')}`;
    }
  }
  end();
  for (const each of blocks) each.text = each.text.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1');
  return blocks;
}

/** The figures of several measures together. */
export function total(measures) {
  const sum = { sentences: 0, words: 0, clauseWords: 0, starts: 0, long: 0 };
  for (const each of measures) {
    sum.sentences += each.sentences;
    sum.words += each.words;
    sum.clauseWords += each.clauseWords;
    sum.starts += each.offenders.filter(({ kind }) => kind === 'start').length;
    sum.long += each.offenders.filter(({ kind }) => kind === 'long').length;
  }
  return {
    ...sum,
    startsShare: sum.starts / Math.max(1, sum.sentences),
    wordsPerThousand: (1000 * sum.clauseWords) / Math.max(1, sum.words),
  };
}

function row(name, sum) {
  const share = `${(100 * sum.startsShare).toFixed(1)} %`;
  return `${name.padEnd(44)} ${share.padStart(8)} ${sum.wordsPerThousand.toFixed(1).padStart(8)} ${String(sum.long).padStart(6)} ${String(sum.sentences).padStart(9)}`;
}

function main(wanted) {
  const within = (path) =>
    wanted.some((each) => each === '.' || path === each || path.startsWith(`${each.replace(/\/$/, '')}/`));
  const files = proseFiles().filter((path) => wanted.length === 0 || within(path));
  const measured = files.map((path) => [path, measure(path, readFileSync(join(root, path), 'utf8'))]);
  if (wanted.length > 0)
    for (const [path, { offenders }] of measured)
      for (const { line, kind, text } of offenders)
        console.log(`${path}:${line} ${kind}: ${text.slice(0, 240)}`);
  console.log(
    `${''.padEnd(44)} ${'starts'.padStart(8)} ${'per 1000'.padStart(8)} ${'long'.padStart(6)} sentences`,
  );
  const folders = Map.groupBy
    ? Map.groupBy(measured, ([path]) => dirname(path))
    : measured.reduce(
        (map, each) => map.set(dirname(each[0]), [...(map.get(dirname(each[0])) ?? []), each]),
        new Map(),
      );
  for (const [folder, entries] of folders) console.log(row(folder, total(entries.map(([, each]) => each))));
  for (const [name, pattern] of [
    ['comments', /\.(?:ts|mjs|proto|grit)$/],
    ['docs', /\.md$/],
  ])
    console.log(row(name, total(measured.filter(([path]) => pattern.test(path)).map(([, each]) => each))));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main(process.argv.slice(2));
