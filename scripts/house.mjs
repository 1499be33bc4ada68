// Checks the plan of the house: allowed imports, no circles, no folder that imports its parent,
// no crowded folder.
//   node scripts/house.mjs        prints each breach with its file; the exit code is 1 if there are any
// The rules stand in CONTRIBUTING.md; test/conformance/house.test.ts runs them.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** A folder with more source files than this is several ideas. */
export const maxFilesPerFolder = 15;

/** The packages of the workspace, and the packages that each may import. */
export const mayImport = {
  'packages/shared': [],
  'packages/store': ['packages/shared'],
  'packages/scheduler': ['packages/shared'],
  'packages/registry': ['packages/shared'],
  'packages/client': ['packages/shared'],
  'packages/cli': ['packages/shared', 'packages/client'],
  'services/api': ['packages/shared', 'packages/store', 'packages/scheduler', 'packages/registry'],
  'services/master': ['packages/shared', 'packages/store', 'packages/scheduler', 'packages/registry'],
  'services/agent': ['packages/shared', 'packages/store', 'packages/registry'],
  'packages/local': ['packages/', 'services/'],
  test: ['packages/', 'services/'],
};

/** Doors of a package that only these may use; tests may use all. */
const privateDoors = [{ folder: 'packages/store/src/wire', users: ['packages/store'] }];

/** The same within packages/shared: the words know no gRPC and no process. */
const mayImportWithinShared = {
  gen: [],
  model: ['gen'],
  process: ['gen', 'model'],
  rpc: ['gen', 'model', 'process'],
  testing: ['gen', 'model', 'process', 'rpc'],
};

const isTest = (path) =>
  /\.(?:test|bench)\.ts$/.test(path) || /(?:^|\/)testing\//.test(path) || path.startsWith('test/');
const isGenerated = (path) => /(?:^|\/)gen\//.test(path);

/** The TypeScript files of the tree. */
export function sourceFiles(dir = root) {
  return execFileSync('git', ['ls-files', '-co', '--exclude-standard', '*.ts'], {
    cwd: dir,
    encoding: 'utf8',
  })
    .split('\n')
    .filter((path) => path !== '' && !path.endsWith('.d.ts') && existsSync(join(dir, path)));
}

/** The imports of each file, as paths of the tree; imports of types count as all others do. */
export function importGraph(dir = root) {
  const files = sourceFiles(dir);
  const known = new Set(files);
  const packages = manifests(dir);
  const edges = new Map();
  for (const file of files) {
    const targets = new Set();
    const source = readFileSync(join(dir, file), 'utf8');
    for (const [, specifier] of source.matchAll(
      /(?:\bfrom\s*|\bimport\(\s*|^import\s*)['"]([^'"\n]+)['"]/gm,
    )) {
      const target = specifier.startsWith('.')
        ? normalize(join(dirname(file), specifier)).replace(/\.js$/, '.ts')
        : exported(packages, specifier);
      if (target !== undefined && known.has(target) && target !== file) targets.add(target);
    }
    edges.set(file, targets);
  }
  return edges;
}

function manifests(dir) {
  const listed = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '*package.json'], {
    cwd: dir,
    encoding: 'utf8',
  });
  return listed
    .split('\n')
    .filter((path) => path.includes('/') && existsSync(join(dir, path)))
    .map((path) => ({ folder: dirname(path), ...JSON.parse(readFileSync(join(dir, path), 'utf8')) }));
}

/** The source file behind a package's export, or undefined for packages of others. */
function exported(packages, specifier) {
  const owner = packages.find(({ name }) => specifier === name || specifier.startsWith(`${name}/`));
  if (owner === undefined) return undefined;
  const door = `.${specifier.slice(owner.name.length)}`;
  for (const [key, value] of Object.entries(owner.exports ?? {})) {
    const [before, after = ''] = key.split('*');
    const isMatch = key.includes('*') ? door.startsWith(before) && door.endsWith(after) : door === key;
    if (!isMatch) continue;
    const star = door.slice(before.length, door.length - after.length);
    return normalize(join(owner.folder, value['berth:source'].replace('*', star)));
  }
  return undefined;
}

/** Every breach of the plan in a graph of imports, as a sentence each. */
export function breaches(edges) {
  const source = new Map(
    [...edges]
      .filter(([file]) => !isTest(file) && !isGenerated(file))
      .map(([file, targets]) => [file, [...targets]]),
  );
  return [
    ...fileCircles(source),
    ...folderCircles(source),
    ...parentImports(source),
    ...forbiddenImports(source),
    ...crowdedFolders([...edges.keys()]),
  ];
}

function fileCircles(edges) {
  return circles(edges).map((circle) => `files import each other: ${circle.join(', ')}`);
}

/** Two siblings, folders or files, may not reach each other both ways, however deep the files lie that do. */
function folderCircles(edges) {
  const byParent = new Map();
  for (const [file, targets] of edges)
    for (const target of targets) {
      const unit = packageOf(file);
      if (unit !== packageOf(target)) continue;
      const { parent, from, to } = siblings(file, target);
      const level = byParent.get(parent) ?? new Map();
      byParent.set(parent, level);
      level.set(from, [...(level.get(from) ?? []), to]);
      if (!level.has(to)) level.set(to, []);
    }
  return [...byParent].flatMap(([parent, level]) =>
    circles(level).map((circle) => `in ${parent} these import each other: ${circle.sort().join(', ')}`),
  );
}

function siblings(file, target) {
  const [a, b] = [file.split('/'), target.split('/')];
  let depth = 0;
  while (a[depth] === b[depth]) depth += 1;
  return { parent: a.slice(0, depth).join('/'), from: a[depth], to: b[depth] };
}

function parentImports(edges) {
  return [...edges].flatMap(([file, targets]) =>
    targets
      .filter((target) => {
        const folder = dirname(target);
        return folder !== dirname(file) && file.startsWith(`${folder}/`);
      })
      .map((target) => `${file} imports ${target}, a file of a folder above it`),
  );
}

function forbiddenImports(edges) {
  return [...edges].flatMap(([file, targets]) =>
    targets.filter((target) => !isAllowed(file, target)).map((target) => `${file} may not import ${target}`),
  );
}

function isAllowed(file, target) {
  const [own, other] = [packageOf(file), packageOf(target)];
  if (isPrivate(own, target)) return false;
  if (own !== other)
    return (mayImport[own] ?? []).some(
      (each) => other === each || (each.endsWith('/') && other.startsWith(each)),
    );
  if (own !== 'packages/shared') return true;
  const [ownPart, otherPart] = [file.split('/')[3], target.split('/')[3]];
  return ownPart === otherPart || (mayImportWithinShared[ownPart] ?? []).includes(otherPart);
}

function isPrivate(own, target) {
  return privateDoors.some(({ folder, users }) => target.startsWith(`${folder}/`) && !users.includes(own));
}

function crowdedFolders(files) {
  const counts = new Map();
  for (const file of files) {
    if (/\.(?:test|bench)\.ts$/.test(file) || isGenerated(file)) continue;
    counts.set(dirname(file), (counts.get(dirname(file)) ?? 0) + 1);
  }
  return [...counts]
    .filter(([, count]) => count > maxFilesPerFolder)
    .map(
      ([folder, count]) =>
        `${folder} holds ${count} files of source; at most ${maxFilesPerFolder} are one idea`,
    );
}

/** The package that a file belongs to: `packages/x`, `services/y` or `test`. */
function packageOf(file) {
  const [first, second] = file.split('/');
  return first === 'packages' || first === 'services' ? `${first}/${second}` : first;
}

/** The groups of nodes that can reach each other, by Tarjan's algorithm. */
export function circles(edges) {
  const order = new Map();
  const low = new Map();
  const stack = [];
  const found = [];
  const visit = (node) => {
    order.set(node, order.size);
    low.set(node, order.get(node));
    stack.push(node);
    for (const target of edges.get(node) ?? []) {
      if (!edges.has(target)) continue;
      if (!order.has(target)) {
        visit(target);
        low.set(node, Math.min(low.get(node), low.get(target)));
      } else if (stack.includes(target)) low.set(node, Math.min(low.get(node), order.get(target)));
    }
    if (low.get(node) !== order.get(node)) return;
    const group = stack.splice(stack.indexOf(node));
    if (group.length > 1) found.push(group);
  };
  for (const node of edges.keys()) if (!order.has(node)) visit(node);
  return found;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const found = breaches(importGraph());
  for (const breach of found) console.log(breach);
  console.log(`${found.length} breaches`);
  process.exitCode = found.length > 0 ? 1 : 0;
}
