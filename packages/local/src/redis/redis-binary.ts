import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findOnPath, runCommand } from '../machine/command.js';
import type { Progress } from '../output/progress.js';
import { SetupError } from '../output/setup-error.js';
import { hasApt, libraryDirs, unpackPackage } from '../setup/apt.js';

/** The first version with all the commands that a cell uses in scripts and streams. */
const oldestMajor = 7;

const howToGetRedis =
  `Install Redis ${oldestMajor} or newer (Debian: \`apt-get install redis-server\`), ` +
  'or set BERTH_REDIS_URL to one that runs.';

/**
 * Finds a `redis-server` of version 7 or newer: on PATH, unpacked by an earlier run under `home`, or fetched
 * now from the distribution's packages. The last needs no root. Returns its path. Rejects with a `SetupError`
 * that says how to install it.
 */
export async function obtainRedisBinary(home: string, progress: Progress): Promise<string> {
  const onPath = await findOnPath('redis-server');
  if (onPath !== undefined && isNewEnough(await versionOf(onPath))) return onPath;
  const unpacked = join(home, 'packages', 'redis-server');
  const binary = join(unpacked, 'redis-server');
  if (!existsSync(binary)) await fetchRedis(unpacked, progress);
  const version = await versionOf(binary);
  if (!isNewEnough(version)) {
    throw new SetupError(
      `The redis-server of this machine's packages does not serve: it says ${JSON.stringify(version)}. ${howToGetRedis}`,
    );
  }
  return binary;
}

async function fetchRedis(into: string, progress: Progress): Promise<void> {
  if (!(await hasApt())) {
    throw new SetupError(`There is no redis-server on PATH, and no apt to fetch one with. ${howToGetRedis}`);
  }
  progress.note(
    'No redis-server on PATH: unpacking the one of the distribution under .berth/ (no root needed).',
  );
  try {
    await progress.step('Fetch redis-server', () => unpackPackage('redis-server', into));
    await writeLauncher(into);
  } catch (cause) {
    throw new SetupError(`The redis-server package could not be fetched. ${howToGetRedis}`, { cause });
  }
}

/**
 * Writes a script that starts the unpacked server with the libraries beside it. The script works after a move
 * of the clone.
 */
async function writeLauncher(unpacked: string): Promise<void> {
  const dirs = (await libraryDirs(unpacked)).map((dir) => `$here/${dir}`);
  const script = `#!/bin/sh
here=$(dirname "$0")
export LD_LIBRARY_PATH="${dirs.join(':')}"
exec "$here/usr/bin/redis-server" "$@"
`;
  await writeFile(join(unpacked, 'redis-server'), script, { mode: 0o755 });
}

async function versionOf(binary: string): Promise<string> {
  const result = await runCommand(binary, ['--version']);
  return result.output.trim();
}

/** True if the output of `redis-server --version` names a version that a cell can use. */
export function isNewEnough(versionOutput: string): boolean {
  const major = /\bv=(\d+)\./.exec(versionOutput)?.[1];
  return major !== undefined && Number(major) >= oldestMajor;
}
