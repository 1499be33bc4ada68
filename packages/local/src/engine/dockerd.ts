import { existsSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describeExit, logTail, startChild } from '../machine/child-process.js';
import { isRunning, readPidFile } from '../machine/process-id.js';
import type { Root } from '../machine/root.js';
import { waitUntil } from '../machine/wait-until.js';
import { SetupError } from '../output/setup-error.js';
import { pingDocker } from './docker-client.js';
import { unmountBelow } from './mounts.js';

/** A newly installed engine prepares its storage on its first start. */
const startTimeoutMs = 60_000;
const stopGraceMs = 20_000;
const killedTimeoutMs = 5_000;

/** Returns the paths of an engine of ours, below its directory `dir`. */
export function enginePaths(dir: string) {
  return {
    socket: join(dir, 'docker.sock'),
    pidFile: join(dir, 'dockerd.pid'),
    containerdPidFile: join(dir, 'exec', 'containerd', 'containerd.pid'),
    exec: join(dir, 'exec'),
    data: join(dir, 'data'),
    log: join(dir, 'dockerd.log'),
  };
}

/** Returns the address of the engine that lives in `dir`, in the form of DOCKER_HOST. */
export function engineHost(dir: string): string {
  return `unix://${enginePaths(dir).socket}`;
}

interface DockerdOptions {
  readonly dockerd: string;
  readonly dir: string;
  readonly root: Root;
  /** An existing bridge. By default the engine makes and uses its default bridge. */
  readonly bridge?: string;
}

/**
 * Returns the arguments of an engine that lives in `dir` and touches nothing of another engine on the same
 * machine.
 */
export function dockerdArgs(dir: string, bridge: string | undefined, groupId: number): string[] {
  const paths = enginePaths(dir);
  const args = ['--data-root', paths.data, '--exec-root', paths.exec, '--pidfile', paths.pidFile];
  args.push('-H', `unix://${paths.socket}`, '--group', String(groupId));
  // A start with iptables would empty the chains with another engine's port mappings. Without iptables, the
  // engine's own proxy processes serve the mappings.
  if (bridge !== undefined)
    args.push('--bridge', bridge, '--iptables=false', '--ip6tables=false', '--ip-masq=false');
  return args;
}

/** Starts an engine and waits until it answers. It outlives this process unless `stopDockerd` ends it. */
export async function startDockerd(options: DockerdOptions): Promise<void> {
  const { dir, root } = options;
  const paths = enginePaths(dir);
  await mkdir(dir, { recursive: true });
  await removeStaleFiles(dir, root);
  const args = dockerdArgs(dir, options.bridge, process.getgid?.() ?? 0);
  const [command = options.dockerd, ...rest] = [...root.prefix, options.dockerd, ...args];
  await rm(paths.log, { force: true });
  const child = await startChild({ name: 'dockerd', command, args: rest, logFile: paths.log });
  const answers = async () => {
    const exit = child.exit();
    if (exit !== undefined) throw new Error(`it ended with ${describeExit(exit)}`);
    return existsSync(paths.socket) && (await pingDocker(engineHost(dir))).ok;
  };
  try {
    await waitUntil(answers, { what: 'dockerd answers', timeoutMs: startTimeoutMs });
  } catch (cause) {
    await stopDockerd(dir, root);
    throw new SetupError(`dockerd did not start; the end of its log:\n${await logTail(paths.log)}`, {
      cause,
    });
  }
}

/** A killed engine leaves files behind. Because of them, the next one would believe that it still runs. */
async function removeStaleFiles(dir: string, root: Root): Promise<void> {
  const paths = enginePaths(dir);
  await endProcess(await readPidFile(paths.containerdPidFile), root);
  await root.run('rm', ['-f', paths.pidFile, paths.containerdPidFile, paths.socket]);
}

/** Ends the engine that lives in `dir`, with its containerd and its mounts. Its images and data stay. */
export async function stopDockerd(dir: string, root: Root): Promise<void> {
  const paths = enginePaths(dir);
  await endProcess(await readPidFile(paths.pidFile), root);
  await endProcess(await readPidFile(paths.containerdPidFile), root);
  await unmountBelow(dir, root);
  await root.run('rm', ['-f', paths.pidFile, paths.socket]);
}

/** Sends SIGTERM, then SIGKILL. The process may have no parent here any more, so its end is polled. */
async function endProcess(pid: number | undefined, root: Root): Promise<void> {
  if (pid === undefined || !(await isRunning(pid))) return;
  const gone = async () => !(await isRunning(pid));
  await signal(pid, 'TERM', root);
  try {
    await waitUntil(gone, { what: `process ${pid} ends`, timeoutMs: stopGraceMs });
  } catch {
    await signal(pid, 'KILL', root);
    await waitUntil(gone, { what: `process ${pid} ends when killed`, timeoutMs: killedTimeoutMs });
  }
}

async function signal(pid: number, name: 'TERM' | 'KILL', root: Root): Promise<void> {
  if (root.prefix.length === 0) process.kill(pid, `SIG${name}`);
  // The shell has a kill of its own; a small machine has no program of that name.
  else await root.run('sh', ['-c', `kill -${name} ${pid}`]);
}
