import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The root of the clone that this file was built in. */
export const repoRoot = fileURLToPath(new URL('../../../..', import.meta.url)).replace(/\/$/, '');

/** The directory of everything that set-up obtains or starts: downloads, engine, Redis data, logs. */
export const berthDir = join(repoRoot, '.berth');

/** A unix socket's path must fit `sockaddr_un`: 108 bytes with the closing zero. */
const longestSocketPathBytes = 107;

/** The longest socket path that dockerd and its containerd make below the engine's directory. */
const deepestEngineSocket = 'exec/containerd/containerd-debug.sock.ttrpc';

/**
 * Returns the directory of the Docker engine for `home`: usually `home/engine`. If a socket's path in it is
 * too long for the operating system, it is a short one in the temp folder, with a name derived from `home`.
 */
export function engineDir(home: string, tempDir: string = tmpdir()): string {
  const dir = join(home, 'engine');
  if (Buffer.byteLength(join(dir, deepestEngineSocket)) <= longestSocketPathBytes) return dir;
  const digest = createHash('sha256').update(home).digest('hex').slice(0, 12);
  return join(tempDir, `berth-engine-${digest}`);
}
