import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isAlive, ownName } from '../machine/users.js';

/**
 * A directory below `dir` for the logs of this process's children. What is below `dir` already is removed first, unless it
 * belongs to a process that runs: a cell beside this one still writes there. Logs stay until the next start, to be read.
 */
export async function openRunLogs(dir: string): Promise<string> {
  const own = await ownName();
  await mkdir(join(dir, own), { recursive: true });
  // A directory has its owner's name from the start, so one that is being made is not taken for one that is left.
  for (const name of await readdir(dir))
    if (!(await isAlive(name))) await rm(join(dir, name), { recursive: true, force: true });
  return join(dir, own);
}
