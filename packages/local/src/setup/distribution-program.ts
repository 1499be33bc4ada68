import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findOnPath } from '../machine/command.js';
import type { Progress } from '../output/progress.js';
import { describeError } from '../output/setup-error.js';
import { hasApt, libraryDirs, unpackPackage } from './apt.js';

/** The path of a program, or the reason for its absence. */
type FoundProgram = { readonly program: string } | { readonly missing: string };

/** Programs for administrators are there, and PATH often leaves the directory out. */
const adminDir = 'usr/sbin';

/**
 * Finds a program for administrators, such as `nginx`: the machine's, or the one in the distribution's
 * package of that name, unpacked under `home` without root. It never rejects, since only tests need it.
 */
export async function obtainAdminProgram(
  name: string,
  { home, progress }: { readonly home: string; readonly progress: Progress },
): Promise<FoundProgram> {
  const installed = (await findOnPath(name)) ?? `/${adminDir}/${name}`;
  if (existsSync(installed)) return { program: installed };
  const unpacked = join(home, 'packages', name);
  const program = join(unpacked, `run-${name}`);
  if (existsSync(program)) return { program };
  try {
    if (!(await hasApt())) throw new Error('there is no apt to fetch it with');
    await progress.step(`Fetch ${name} (no root needed)`, () => unpackPackage(name, unpacked));
    if (!existsSync(join(unpacked, adminDir, name))) throw new Error(`the package holds no ${name}`);
    await writeLauncher(unpacked, name);
  } catch (error) {
    return { missing: `${name} could not be fetched: ${describeError(error)}` };
  }
  return { program };
}

/**
 * Writes a script that starts the program with the unpacked libraries. The script works after a move of the
 * clone.
 */
async function writeLauncher(unpacked: string, name: string): Promise<void> {
  const libraries = (await libraryDirs(unpacked)).map((dir) => `$here/${dir}`);
  const script = `#!/bin/sh
here=$(cd "$(dirname "$0")" && pwd)
export LD_LIBRARY_PATH="${libraries.join(':')}"
exec "$here/${adminDir}/${name}" "$@"
`;
  await writeFile(join(unpacked, `run-${name}`), script, { mode: 0o755 });
}
