import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isAlive, ownName } from '../machine/users.js';

/**
 * Creates a directory below `dir` for the logs of this process's children. Existing directories below `dir`
 * are removed first, except those of running processes: another cell still writes there. Logs stay for
 * reading until the next start.
 */
export async function openRunLogs(dir: string): Promise<string> {
  const own = await ownName();
  await mkdir(join(dir, own), { recursive: true });
  // A directory has its owner's name from the start. So a new one is never taken for an abandoned one.
  for (const name of await readdir(dir))
    if (!(await isAlive(name))) await rm(join(dir, name), { recursive: true, force: true });
  return join(dir, own);
}
