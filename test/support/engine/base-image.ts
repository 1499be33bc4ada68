import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, readlink, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { findOnPath, runChecked } from '@berth/local/machine/command';
import type Docker from 'dockerode';
import { pack } from 'tar-stream';
import { waitFor } from '../process/wait-for.js';

/** A program of this machine for an image. */
interface HostProgram {
  /** Its path in the image. */
  readonly to: string;
  readonly from: string;
  /** The directories of its libraries, besides the usual ones. */
  readonly libraryPath?: string;
}

/**
 * Makes an image with this machine's Node and everything that it needs to run. It replaces an official image
 * without a registry: Berth's image finds the same files in it.
 */
export async function importNodeImage(docker: Docker, name: string): Promise<void> {
  const programs: HostProgram[] = [{ from: process.execPath, to: '/usr/local/bin/node' }];
  // Starts scripts with `#!/usr/bin/env node`.
  const env = await findOnPath('env');
  if (env !== undefined) programs.push({ from: env, to: '/usr/bin/env' });
  await importPrograms(docker, name, programs);
}

/** Makes an image with a redis-server and its redis-cli, from the server of the tests. */
export async function importRedisImage(docker: Docker, name: string, redisServer: string): Promise<void> {
  const { binary, libraryPath } = await lookThrough(redisServer);
  const cli = join(dirname(binary), 'redis-cli');
  if (!existsSync(cli)) throw new Error(`there is no redis-cli beside ${binary}`);
  await importPrograms(docker, name, [
    { from: binary, to: '/usr/local/bin/redis-server', libraryPath },
    { from: cli, to: '/usr/local/bin/redis-cli', libraryPath },
  ]);
}

async function importPrograms(docker: Docker, name: string, programs: readonly HostProgram[]): Promise<void> {
  const [repo = name, tag = 'latest'] = name.split(':');
  const changes = ['ENV PATH=/usr/local/bin:/usr/bin:/bin'];
  const answer = await docker.importImage(await programsTar(programs), { repo, tag, changes });
  // The engine answers 200 at once, and reports a failure in the body.
  const failure = (await text(answer)).split('\n').find((line) => line.includes('"error"'));
  if (failure !== undefined) throw new Error(`the engine did not take the image ${name}: ${failure}`);
}

const accounts = {
  'etc/passwd': 'root:x:0:0:root:/root:/bin/false\nnode:x:1000:1000:node:/tmp:/bin/false\n',
  'etc/group': 'root:x:0:\nnode:x:1000:\n',
  'etc/nsswitch.conf': 'hosts: files dns\n',
};

async function programsTar(programs: readonly HostProgram[]): Promise<Readable> {
  const files = new Map<string, string>();
  for (const program of programs) {
    for (const library of await sharedLibraries(program)) files.set(library.to, library.from);
    files.set(program.to, program.from);
  }
  const contents = await Promise.all(
    [...files].map(async ([to, from]) => [to, await readFile(from)] as const),
  );
  const tar = pack();
  tar.entry({ name: 'tmp', type: 'directory', mode: 0o1777 });
  for (const [to, content] of Object.entries(accounts)) tar.entry({ name: to, mode: 0o644 }, content);
  for (const [to, content] of contents) tar.entry({ name: to.slice(1), mode: 0o755 }, content);
  tar.finalize();
  return tar;
}

/** The C library loads these by itself when it looks up a host name, unless they are built in. */
const loadedLater = ['libnss_files.so.2', 'libnss_dns.so.2', 'libresolv.so.2'];

/**
 * Returns the libraries of a program. All of them go to the directory of the image's C library, which is
 * always searched.
 */
async function sharedLibraries({ from, libraryPath }: HostProgram): Promise<{ from: string; to: string }[]> {
  const env = libraryPath === undefined ? {} : { LD_LIBRARY_PATH: libraryPath };
  const listed = (await runChecked('ldd', [from], { env })).stdout;
  const paths = [...listed.matchAll(/(\/\S+) \(0x/g)].map((match) => match[1] ?? '');
  const libc = paths.find((path) => basename(path).startsWith('libc.so'));
  if (libc === undefined) throw new Error(`ldd names no C library for ${from}:\n${listed}`);
  const home = dirname(libc);
  const later = loadedLater.map((name) => join(home, name)).filter((path) => existsSync(path));
  return [...paths, ...later].map((path) => ({
    from: path,
    to: basename(path).startsWith('ld-linux') ? path : join(home, basename(path)),
  }));
}

/**
 * Returns the binary behind a command, which may be a script, and the directories of its loaded libraries.
 */
async function lookThrough(command: string): Promise<{ binary: string; libraryPath: string }> {
  const dir = await mkdtemp(join(tmpdir(), 'berth-test-redis-image-'));
  const socket = join(dir, 'redis.sock');
  const args = ['--port', '0', '--unixsocket', socket, '--dir', dir, '--save', ''];
  const child = spawn(command, args, { stdio: 'ignore' });
  const exited = once(child, 'exit');
  try {
    await Promise.race([
      waitFor(() => existsSync(socket), { what: 'redis-server listens' }),
      exited.then(() => Promise.reject(new Error(`${command} ended at its start`))),
    ]);
    const binary = await realpath(await readlink(`/proc/${child.pid}/exe`));
    // Redis writes its title over its environment, so that is not readable here.
    const maps = await readFile(`/proc/${child.pid}/maps`, 'utf8');
    const libraries = [...maps.matchAll(/\s(\/\S+\.so\S*)$/gm)].map((match) => dirname(match[1] ?? ''));
    return { binary, libraryPath: [...new Set(libraries)].join(':') };
  } finally {
    child.kill('SIGKILL');
    await exited.catch(() => undefined);
    await rm(dir, { recursive: true, force: true });
  }
}
