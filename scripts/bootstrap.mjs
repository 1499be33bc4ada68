// Makes a clone ready to run: installs the dependencies and compiles everything. It needs only Node, can be
// stopped at any
// moment and run again, and ends at once if there is nothing to do.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const stampDir = join(root, '.berth', 'stamps');
const oldestNode = [20, 19];
const pnpmVersion = '12.21.0';
const pnpmMajorsThatServe = [10, 12];

/** Returns the folders with a tsconfig.json of their own, and the folders of their sources. */
export function projects(dir = root) {
  const groups = ['packages', 'services'].flatMap((group) => subfolders(join(dir, group)));
  return [
    ...groups.map((folder) => ({ folder, sources: join(folder, 'src') })),
    { folder: join(dir, 'test'), sources: join(dir, 'test') },
  ].filter(({ folder }) => existsSync(join(folder, 'tsconfig.json')));
}

/** Returns the reason if this Node cannot run Berth; otherwise undefined. */
export function nodeComplaint(version) {
  const [major, minor] = version.split('.').map(Number);
  if (major > oldestNode[0] || (major === oldestNode[0] && minor >= oldestNode[1])) return undefined;
  return `Berth needs Node ${oldestNode.join('.')} or newer; this is ${version}. Install a newer one and try again.`;
}

/** True if a pnpm of this version installs our lock file on every Node that we support. */
export function pnpmServes(version) {
  return pnpmMajorsThatServe.includes(Number.parseInt(version, 10));
}

/**
 * Returns the sources of a project without a compiled file. If there are any, tsc's own notes about the
 * project are wrong.
 */
export function uncompiled(project) {
  return sourceFiles(project.sources)
    .filter((file) => !file.endsWith('.d.ts'))
    .filter(
      (file) =>
        !existsSync(join(project.folder, 'dist', relative(project.sources, file).replace(/\.ts$/, '.js'))),
    );
}

function subfolders(dir) {
  if (!existsSync(dir)) return [];
  return readdirSync(dir, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(dir, entry.name));
}

function sourceFiles(dir) {
  if (!existsSync(dir)) return [];
  return readdirSync(dir, { withFileTypes: true }).flatMap((entry) => {
    if (entry.name === 'node_modules' || entry.name === 'dist') return [];
    const path = join(dir, entry.name);
    if (entry.isDirectory()) return sourceFiles(path);
    return entry.name.endsWith('.ts') ? [path] : [];
  });
}

/** A step runs again unless its stamp holds the digest of all its inputs. */
export function stampOf(step, dir = stampDir) {
  const path = join(dir, step);
  return {
    holds: (digest) => existsSync(path) && readFileSync(path, 'utf8') === digest,
    // The stamp goes before the step begins. So an interrupted step runs again.
    clear: () => rmSync(path, { force: true }),
    write: (digest) => {
      mkdirSync(dir, { recursive: true });
      writeFileSync(path, digest);
    },
  };
}

function install() {
  const manifests = [root, ...projects().map(({ folder }) => folder)].map((folder) =>
    join(folder, 'package.json'),
  );
  const inputs = [join(root, 'pnpm-lock.yaml'), join(root, 'pnpm-workspace.yaml'), ...manifests];
  const digest = digestOf(inputs.map((file) => `${relative(root, file)}\n${readFileSync(file, 'utf8')}`));
  const stamp = stampOf('install');
  const places = projects().map(({ folder }) => join(folder, 'node_modules'));
  const installed = [join(root, 'node_modules', '.modules.yaml'), ...places].every((path) =>
    existsSync(path),
  );
  if (installed && stamp.holds(digest)) return;
  stamp.clear();
  const [command, ...pnpm] = findPnpm();
  say(`Installing dependencies with ${[command, ...pnpm].join(' ')} …`);
  // pnpm would ask before it replaces node_modules, and there may be nobody to answer.
  run(command, [...pnpm, 'install', '--frozen-lockfile', '--config.confirmModulesPurge=false'], {
    orElse:
      'Installing the dependencies failed. Check that the npm registry can be reached (`npm ping`), then try again.',
  });
  stamp.write(digest);
}

function findPnpm() {
  const found = spawnSync('pnpm', ['--version'], { cwd: root, encoding: 'utf8' });
  if (found.status === 0 && pnpmServes(found.stdout)) return ['pnpm'];
  return ['npx', '-y', `pnpm@${pnpmVersion}`];
}

function build() {
  const inputs = projects().flatMap(({ folder, sources }) => [
    join(folder, 'tsconfig.json'),
    ...sourceFiles(sources),
  ]);
  inputs.push(join(root, 'tsconfig.json'), join(root, 'tsconfig.base.json'));
  const digest = digestOf(inputs.map(describeFile));
  const stamp = stampOf('build');
  const incomplete = projects().filter((project) => uncompiled(project).length > 0);
  if (incomplete.length === 0 && stamp.holds(digest)) return;
  stamp.clear();
  for (const { folder } of incomplete) rmSync(join(folder, 'dist', '.tsbuildinfo'), { force: true });
  say('Compiling …');
  run(join(root, 'node_modules', '.bin', 'tsc'), ['-b'], {
    orElse: 'Compiling failed; the errors stand above.',
  });
  stamp.write(digest);
}

/**
 * Describes a file by name, size and time. To read hundreds of sources would take longer than all other
 * steps.
 */
function describeFile(path) {
  const { size, mtimeMs } = statSync(path);
  return `${relative(root, path)} ${size} ${mtimeMs}`;
}

function digestOf(lines) {
  return createHash('sha256').update(lines.join('\n')).digest('hex');
}

function run(command, args, { orElse }) {
  // Standard output belongs to the program after the set-up: other programs read the last line of a
  // benchmark.
  const { status, signal, error } = spawnSync(command, args, { cwd: root, stdio: ['ignore', 2, 2] });
  if (signal === 'SIGINT' || signal === 'SIGTERM') process.exit(130);
  if (error !== undefined) fail(`${orElse}\n  because: ${error.message}`);
  if (status !== 0) fail(orElse);
}

function say(text) {
  process.stderr.write(`${text}\n`);
}

function fail(text) {
  say(text);
  process.exit(1);
}

function main() {
  const complaint = nodeComplaint(process.versions.node);
  if (complaint !== undefined) fail(complaint);
  install();
  build();
}

if (realpathSync(process.argv[1] ?? '.') === fileURLToPath(import.meta.url)) main();
