// Lays out the content of the container image: the compiled services and the `berth` command, with the
// dependencies
// that they load at run time. It needs only Node. There are two ways to call it:
// node scripts/image.mjs FOLDER              in the image's build stage. If the layout in FOLDER was made
// from the same
// sources, it stays; otherwise a new one is made.
// node scripts/image.mjs --archive FILE.tar  on the host. The Dockerfile unpacks the archive in the build
// stage. So an
// image can be built without access to the npm registry.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const programs = ['services/master', 'services/api', 'services/agent', 'packages/cli'];
const sourceFolders = ['packages', 'services'];
const sourceFiles = ['package.json', 'pnpm-lock.yaml', 'pnpm-workspace.yaml', 'tsconfig.base.json'];
const digestFile = 'sources.sha256';

/** Returns a digest of everything that the layout is made from. */
export function sourcesDigest(dir = root) {
  const files = [...sourceFiles, ...sourceFolders.flatMap((folder) => filesBelow(dir, folder))].sort();
  const hash = createHash('sha256');
  for (const file of files)
    hash
      .update(`${file}\0`)
      .update(readFileSync(join(dir, file)))
      .update('\0');
  return hash.digest('hex');
}

function filesBelow(dir, folder) {
  return readdirSync(join(dir, folder), { withFileTypes: true }).flatMap((entry) => {
    if (['node_modules', 'dist'].includes(entry.name)) return [];
    const path = `${folder}/${entry.name}`;
    return entry.isDirectory() ? filesBelow(dir, path) : [path];
  });
}

/**
 * Copies the programs and, link by link, everything that they can load at run time. Paths stay as in the
 * clone.
 */
function layOut(target) {
  const done = new Set();
  const queue = programs.map((program) => join(root, program));
  for (let folder = queue.pop(); folder !== undefined; folder = queue.pop()) {
    if (done.has(folder)) continue;
    done.add(folder);
    queue.push(...(inStore(folder) ? copyStored(folder, target) : copyOwn(folder, target)));
  }
  cpSync(join(root, 'package.json'), join(target, 'package.json'));
  mkdirSync(join(target, 'bin'));
  symlinkSync('../packages/cli/bin/berth.mjs', join(target, 'bin', 'berth'));
}

function inStore(folder) {
  return relative(root, folder).split(sep).includes('node_modules');
}

/**
 * Copies a package of this repository: the compiled files, and links to its dependencies. Returns their
 * targets.
 */
function copyOwn(folder, target) {
  for (const part of ['package.json', 'dist', 'bin']) copy(join(folder, part), target);
  const { dependencies = {} } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  return Object.keys(dependencies).map((name) => {
    const link = join(folder, 'node_modules', name);
    copy(link, target);
    return owningFolder(realpathSync(link));
  });
}

/**
 * Copies a dependency as pnpm stores it: the package itself, with links to its own dependencies beside it.
 */
function copyStored(folder, target) {
  copy(folder, target);
  return linksBelow(folder).map((link) => owningFolder(realpathSync(link)));
}

/** Returns the `node_modules` folder around a stored package and its links; otherwise the package itself. */
function owningFolder(packageFolder) {
  const marker = `${sep}node_modules${sep}`;
  if (!inStore(packageFolder)) return packageFolder;
  return packageFolder.slice(0, packageFolder.lastIndexOf(marker) + marker.length - 1);
}

function linksBelow(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isSymbolicLink()) return existsSync(path) ? [path] : [];
    return entry.isDirectory() && entry.name.startsWith('@') ? linksBelow(path) : [];
  });
}

function copy(from, target) {
  if (!existsSync(from)) return;
  const to = join(target, relative(root, from));
  mkdirSync(dirname(to), { recursive: true });
  if (lstatSync(from).isSymbolicLink()) symlinkSync(readlinkSync(from), to);
  else cpSync(from, to, { recursive: true, verbatimSymlinks: true, filter: isNeededToRun });
}

/** Compilers and editors read these; a running program does not. */
const notNeededToRun = /\.(d\.[cm]?ts|ts|map|md|markdown|tsbuildinfo)$|\.test\.js$/;

function isNeededToRun(path) {
  return !notNeededToRun.test(path) && !path.endsWith(`${sep}.bin`);
}

function make(target) {
  const { status } = spawnSync(process.execPath, [join(root, 'scripts', 'bootstrap.mjs')], {
    stdio: ['ignore', 2, 2],
  });
  if (status !== 0) process.exit(status ?? 1);
  const digest = sourcesDigest();
  mkdirSync(target, { recursive: true });
  layOut(target);
  writeFileSync(join(target, digestFile), digest);
}

function fillStage(target) {
  const prepared = join(target, digestFile);
  if (existsSync(prepared)) {
    if (readFileSync(prepared, 'utf8') === sourcesDigest()) return say('Using the prepared files.');
    say(
      'The prepared files are not of these sources; run `npm run image` to prepare them again. Building anew.',
    );
  }
  for (const entry of existsSync(target) ? readdirSync(target) : [])
    rmSync(join(target, entry), { recursive: true });
  make(target);
}

function archive(file) {
  mkdirSync(dirname(file), { recursive: true });
  const scratch = mkdtempSync(`${file}.`);
  try {
    make(join(scratch, 'layout'));
    const asRoot = ['--owner=0', '--group=0', '--numeric-owner', '--mode=u+rwX,go+rX,go-w', '--sort=name'];
    const tar = ['-C', join(scratch, 'layout'), ...asRoot, '-cf', join(scratch, 'image.tar'), '.'];
    const { status, error } = spawnSync('tar', tar, { stdio: ['ignore', 2, 2] });
    if (status !== 0) fail(`The archive could not be written${error ? `: ${error.message}` : '.'}`);
    renameSync(join(scratch, 'image.tar'), file);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function say(text) {
  process.stderr.write(`${text}\n`);
}

function fail(text) {
  say(text);
  process.exit(1);
}

function main(args) {
  if (args.length === 2 && args[0] === '--archive') return archive(args[1]);
  if (args.length === 1 && !args[0].startsWith('-')) return fillStage(args[0]);
  return fail('Usage: node scripts/image.mjs FOLDER | --archive FILE.tar');
}

if (realpathSync(process.argv[1] ?? '.') === fileURLToPath(import.meta.url)) main(process.argv.slice(2));
