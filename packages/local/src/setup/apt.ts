import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { CommandError, findOnPath, runChecked } from '../machine/command.js';
import type { Root } from '../machine/root.js';

const noninteractive = { DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' };

/** Waits for another package manager at work. A fresh machine updates itself at boot. */
const dpkgLockTimeoutSeconds = 120;

/** True if this machine takes its packages from apt. */
export async function hasApt(): Promise<boolean> {
  return (await findOnPath('apt-get')) !== undefined && (await findOnPath('dpkg')) !== undefined;
}

/**
 * Unpacks a distribution package below `into`, with the dependencies that this machine lacks. It needs no
 * root and does not change the machine. `into` appears complete or not at all. Rejects with a `CommandError`
 * if it fails.
 */
export async function unpackPackage(name: string, into: string): Promise<void> {
  const scratch = `${into}.partial`;
  await rm(scratch, { recursive: true, force: true });
  await mkdir(join(scratch, 'root'), { recursive: true });
  await downloadWithDependencies(name, scratch);
  const archives = (await readdir(scratch)).filter((file) => file.endsWith('.deb'));
  for (const archive of archives) {
    await runChecked('dpkg', ['-x', join(scratch, archive), join(scratch, 'root')]);
  }
  await mkdir(dirname(into), { recursive: true });
  await rm(into, { recursive: true, force: true });
  await rename(join(scratch, 'root'), into);
  await rm(scratch, { recursive: true, force: true });
}

/**
 * The machine's own package lists may be missing or too old for the download. Then we fetch lists of our own.
 */
async function downloadWithDependencies(name: string, dir: string): Promise<void> {
  try {
    await download(name, dir, []);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    const lists = await privateLists(dir);
    await download(name, dir, lists);
  }
}

async function privateLists(dir: string): Promise<readonly string[]> {
  const lists = join(dir, 'lists');
  await mkdir(join(lists, 'partial'), { recursive: true });
  await mkdir(join(dir, 'cache', 'archives', 'partial'), { recursive: true });
  const options = ['-o', `Dir::State::Lists=${lists}`, '-o', `Dir::Cache=${join(dir, 'cache')}`];
  await runChecked('apt-get', ['update', ...unsandboxed, ...options], { env: noninteractive });
  return options;
}

/** As root, apt would download as its own user, who has no write permission in our directory. */
const unsandboxed = ['-o', 'APT::Sandbox::User=root'];

async function download(name: string, cwd: string, options: readonly string[]): Promise<void> {
  const plan = ['install', '--simulate', '--no-install-recommends', '--reinstall', name];
  const simulated = await runChecked('apt-get', [...plan, ...options], { env: noninteractive });
  const missing = packagesToInstall(simulated.stdout);
  const names = missing.length === 0 ? [name] : missing;
  await runChecked('apt-get', ['download', ...names, ...unsandboxed, ...options], {
    cwd,
    env: noninteractive,
  });
}

/** Returns the packages that an `apt-get install --simulate` would install. */
export function packagesToInstall(simulation: string): string[] {
  const names = [...simulation.matchAll(/^Inst (\S+) /gm)].map((match) => match[1] ?? '');
  return [...new Set(names)];
}

const aptOptions = ['-y', '-o', `DPkg::Lock::Timeout=${dpkgLockTimeoutSeconds}`, '-o', 'Dpkg::Use-Pty=0'];

/** The requests of apt after an installation was killed half-way, each with the command that repairs it. */
const repairs: ReadonlyArray<{ readonly asked: string; readonly command: readonly string[] }> = [
  { asked: 'dpkg --configure -a', command: ['dpkg', '--configure', '-a'] },
  { asked: '--fix-broken', command: ['apt-get', 'install', ...aptOptions, '--fix-broken'] },
];

/** Installs a distribution package on this machine. Rejects with a `CommandError` if it fails. */
export async function installPackage(name: string, root: Root): Promise<void> {
  const asRoot = (command: readonly string[]) =>
    root.run('env', ['DEBIAN_FRONTEND=noninteractive', 'LC_ALL=C', ...command]);
  const install = () => asRoot(['apt-get', 'install', ...aptOptions, '--no-install-recommends', name]);
  await asRoot(['apt-get', 'update', ...aptOptions]);
  for (const untried = [...repairs]; ; ) {
    try {
      await install();
      return;
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      const index = untried.findIndex((repair) => error.output.includes(repair.asked));
      const [repair] = index < 0 ? [] : untried.splice(index, 1);
      if (repair === undefined) throw error;
      await asRoot(repair.command);
    }
  }
}

/** Returns the directories with shared libraries in an unpacked package tree, relative to the tree. */
export async function libraryDirs(unpacked: string): Promise<string[]> {
  const dirs: string[] = [];
  for (const base of ['usr/lib', 'lib']) {
    const entries = await readdir(join(unpacked, base)).catch(() => []);
    dirs.push(...entries.filter((name) => name.endsWith('-linux-gnu')).map((name) => `${base}/${name}`));
    if (entries.length > 0) dirs.push(base);
  }
  return dirs;
}
