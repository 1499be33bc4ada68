// Makes docs/img/terminal.svg, the recorded terminal of the README, from a real run. It starts a cell with
// `npm start`, types the commands of `session` at a terminal, and draws their output with its colours.
//   node scripts/record.mjs        needs all that `npm start` needs, and the command `script` of util-linux
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const target = join(root, 'docs/img/terminal.svg');

/** The commands, as a reader would type them. `JOB` is the id that the command before has printed. */
const session = [
  'cat docs/img/hello.yml',
  'npx berth run -f docs/img/hello.yml',
  'npx berth submit berth/busybox:1 --name huge --memory 400GB -- sleep 60',
  'npx berth explain JOB',
  'npx berth ps -a',
];

/** Typed as well, but only printed: the README shows its output as text. */
const unseen = 'npx buf curl --protocol grpc --http2-prior-knowledge --list-services http://127.0.0.1:7104';

const columns = 108;
const startLimitMs = 300_000;

const look = { fontPx: 13, charPx: 7.83, linePx: 18, padPx: 16, barPx: 30, typingMs: 900, lineMs: 90 };
const colours = {
  31: '#ff7b72',
  32: '#7ee787',
  33: '#e3b341',
  34: '#79c0ff',
  35: '#d2a8ff',
  36: '#76e3ea',
  90: '#8b949e',
};

async function main() {
  const cell = await startCell();
  try {
    const lines = record();
    writeFileSync(target, svgOf(lines));
    for (const { spans } of lines) console.log(spans.map(({ text }) => text).join(''));
    console.log(`\n$ ${unseen}\n${run(unseen)}`);
    console.log(`wrote ${target}`);
  } finally {
    cell.kill('SIGINT');
    await new Promise((resolve) => cell.once('exit', resolve));
  }
}

/** Resolves once the cell is up and its demo is over. */
function startCell() {
  const cell = spawn('npm', ['start'], { cwd: root, stdio: ['ignore', 'pipe', 'inherit'], detached: false });
  return new Promise((resolve, reject) => {
    const limit = AbortSignal.timeout(startLimitMs);
    limit.addEventListener('abort', () => reject(new Error('the cell did not start in time')));
    cell.once('exit', (code) => reject(new Error(`the cell ended with code ${code}`)));
    let seen = '';
    cell.stdout.setEncoding('utf8').on('data', (text) => {
      seen += text;
      if (seen.includes('Ctrl-C')) resolve(cell);
    });
  });
}

/** The lines of the terminal: `{ spans, isCommand }`, a span with its text and its classes. */
function record() {
  const lines = [];
  let job = '';
  for (const step of session) {
    const typed = step.replace('JOB', job);
    lines.push({ isCommand: true, spans: [{ text: `$ ${typed}`, classes: 'c' }] });
    const output = run(typed);
    job = output.match(/[\da-f]{8}-[\da-f-]{27}/)?.[0] ?? job;
    for (const row of output.trimEnd().split(/\r?\n/)) lines.push({ isCommand: false, spans: spansOf(row) });
    lines.push({ isCommand: false, spans: [] });
  }
  return lines.slice(0, -1);
}

/** Returns the output of the command at a terminal of our width. */
function run(typed) {
  const command = typed.replace(/^npx berth/, 'node_modules/.bin/berth');
  const dir = mkdtempSync(join(tmpdir(), 'berth-record-'));
  try {
    const file = join(dir, 'typescript');
    spawnSync('script', ['-qec', `stty cols ${columns}; ${command}`, file], {
      cwd: root,
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    // The first and the last line are those of `script`.
    return readFileSync(file, 'utf8')
      .split('\n')
      .slice(1)
      .join('\n')
      .replace(/\n?Script done[\s\S]*$/, '');
  } finally {
    rmSync(dir, { recursive: true });
  }
}

/** A line with ANSI colours as spans. */
function spansOf(row) {
  const spans = [];
  let classes = '';
  // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences begin with a control character.
  for (const part of row.split(/(\u001b\[[\d;]*[A-Za-z])/)) {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: see above.
    const code = part.match(/^\u001b\[([\d;]*)m$/)?.[1];
    if (code !== undefined) classes = classesOf(code, classes);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: see above.
    else if (part !== '' && !/^\u001b/.test(part)) spans.push({ text: part, classes });
  }
  return spans;
}

function classesOf(codes, classes) {
  return codes.split(';').reduce((now, code) => {
    if (code === '' || code === '0' || code === '39' || code === '22') return '';
    if (code === '1') return `${now} b`.trim();
    if (code === '2') return `${now} d`.trim();
    return colours[code] === undefined ? now : `${now} f${code}`.trim();
  }, classes);
}

function svgOf(lines) {
  const { charPx, linePx, padPx, barPx, fontPx } = look;
  const width = Math.ceil(columns * charPx + 2 * padPx);
  const height = barPx + lines.length * linePx + 2 * padPx;
  let atMs = 0;
  const rows = lines.map(({ spans, isCommand }, index) => {
    atMs += isCommand ? look.typingMs : look.lineMs;
    const y = barPx + padPx + (index + 0.75) * linePx;
    const text = spans.map(
      (span) => `<tspan${span.classes && ` class="${span.classes}"`}>${escaped(span.text)}</tspan>`,
    );
    return `<text x="${padPx}" y="${y}" style="animation-delay:${atMs}ms" xml:space="preserve">${text.join('')}</text>`;
  });
  const fills = Object.entries(colours).map(([code, colour]) => `.f${code}{fill:${colour}}`);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="t">`,
    '<title id="t">A terminal: a job runs, another one cannot be placed, and berth explain says why</title>',
    '<style>',
    `text{font:${fontPx}px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;fill:#e6edf3;opacity:0;animation:show 1ms forwards}`,
    '@keyframes show{to{opacity:1}}',
    '@media (prefers-reduced-motion:reduce){text{opacity:1;animation:none}}',
    `.b{font-weight:bold}.d{fill:#8b949e}.c{fill:#ffffff;font-weight:bold}${fills.join('')}`,
    '</style>',
    `<rect width="${width}" height="${height}" rx="8" fill="#0d1117"/>`,
    `<g fill="#30363d"><circle cx="18" cy="16" r="6"/><circle cx="38" cy="16" r="6"/><circle cx="58" cy="16" r="6"/></g>`,
    ...rows,
    '</svg>',
    '',
  ].join('\n');
}

function escaped(text) {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
}

await main();
