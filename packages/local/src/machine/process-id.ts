import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';

/** Whether a process of this id runs, be it ours or another user's. A process that ended and waits to be reaped does not. */
export async function isRunning(pid: number): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EPERM')) return false;
  }
  return (await stateOf(pid)) !== 'Z';
}

/**
 * When a process started, in the kernel's ticks since boot: with its id, this names it for good. Undefined if it is gone.
 * A system without /proc does not tell; there the id alone has to do.
 */
export async function startTicks(pid: number): Promise<string | undefined> {
  if (!existsSync('/proc/self/stat')) return (await isRunning(pid)) ? '0' : undefined;
  return (await statFields(pid))?.[19];
}

async function stateOf(pid: number): Promise<string | undefined> {
  return (await statFields(pid))?.[0];
}

/** The fields of /proc/PID/stat that follow the command's name, which may itself hold blanks and brackets. */
async function statFields(pid: number): Promise<string[] | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
}

/** The process id in a file that a server wrote, or undefined. */
export async function readPidFile(path: string): Promise<number | undefined> {
  const text = await readFile(path, 'utf8').catch(() => '');
  const pid = Number.parseInt(text, 10);
  return Number.isInteger(pid) && pid > 1 ? pid : undefined;
}
