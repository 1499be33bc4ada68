import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startTicks } from './process-id.js';

/**
 * Joins the users of something that several processes share: a directory with one file for each. A user that
 * died without leaving is recognised, because the file name holds a process's id and start time.
 */
export async function joinUsers(dir: string): Promise<void> {
  await mkdir(dir, { recursive: true });
  await writeFile(join(dir, await ownName()), '');
}

/** Leaves. Returns true if nobody is left. */
export async function leaveUsers(dir: string): Promise<boolean> {
  await rm(join(dir, await ownName()), { force: true });
  const names = await readdir(dir).catch(() => []);
  const alive = await Promise.all(names.map((name) => isAlive(name)));
  await Promise.all(
    names.filter((_name, index) => !alive[index]).map((name) => rm(join(dir, name), { force: true })),
  );
  return !alive.includes(true);
}

/**
 * Returns the name of a process that no later process will have: `pid-ticks`. Undefined if the process is
 * gone.
 */
export async function processName(pid: number): Promise<string | undefined> {
  const ticks = await startTicks(pid);
  return ticks === undefined ? undefined : `${pid}-${ticks}`;
}

/** True if the process of this name runs. */
export async function isAlive(name: string): Promise<boolean> {
  return (await processName(Number.parseInt(name, 10))) === name;
}

/** Returns the name of this process, unique among all processes of this machine over time. */
export async function ownName(): Promise<string> {
  const name = await processName(process.pid);
  if (name === undefined)
    throw new Error('this machine has no /proc; without it processes cannot be identified');
  return name;
}
