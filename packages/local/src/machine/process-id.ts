import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';

/**
 * True if a process of this id runs, ours or another user's. An ended process that waits to be reaped does
 * not run.
 */
export async function isRunning(pid: number): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EPERM')) return false;
  }
  return (await stateOf(pid)) !== 'Z';
}

/**
 * Returns the start time of a process, in the kernel's ticks since boot. With its id it identifies the
 * process for good. Undefined if the process is gone. A system without /proc has no such time; then the id
 * alone must do.
 */
export async function startTicks(pid: number): Promise<string | undefined> {
  if (!existsSync('/proc/self/stat')) return (await isRunning(pid)) ? '0' : undefined;
  return (await statFields(pid))?.[19];
}

async function stateOf(pid: number): Promise<string | undefined> {
  return (await statFields(pid))?.[0];
}

/**
 * Returns the fields of /proc/PID/stat after the command's name. That name may itself hold blanks and
 * brackets.
 */
async function statFields(pid: number): Promise<string[] | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
}

/** Reads the process id from a server's file; undefined without one. */
export async function readPidFile(path: string): Promise<number | undefined> {
  const text = await readFile(path, 'utf8').catch(() => '');
  const pid = Number.parseInt(text, 10);
  return Number.isInteger(pid) && pid > 1 ? pid : undefined;
}
