import { spawn } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Runs `work` while no other process of this machine does so under the same lock file. It waits for its turn.
 * The operating system holds the lock, so the lock ends with its process in any case.
 */
export async function withFileLock<T>(lockFile: string, work: () => Promise<T>): Promise<T> {
  await mkdir(dirname(lockFile), { recursive: true });
  // The holder lives until its input closes. That happens at the latest at the end of this process.
  const holder = spawn('flock', [lockFile, 'sh', '-c', 'echo locked; exec cat'], {
    stdio: ['pipe', 'pipe', 'inherit'],
    detached: true,
  });
  const ended = new Promise<void>((resolve) => holder.once('close', () => resolve()));
  try {
    await new Promise<void>((resolve, reject) => {
      holder.stdout.once('data', () => resolve());
      holder.once('error', reject);
      holder.once('exit', (code) => reject(new Error(`flock ended with code ${code}`)));
    });
    return await work();
  } finally {
    holder.stdin.end();
    if (holder.pid !== undefined) await ended;
  }
}
