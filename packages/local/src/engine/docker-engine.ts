import { existsSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findOnPath } from '../machine/command.js';
import { withFileLock } from '../machine/file-lock.js';
import { engineDir } from '../machine/paths.js';
import type { Root } from '../machine/root.js';
import { findRoot } from '../machine/root.js';
import { joinUsers, leaveUsers } from '../machine/users.js';
import { waitUntil } from '../machine/wait-until.js';
import type { Progress } from '../output/progress.js';
import { SetupError } from '../output/setup-error.js';
import { hasApt, installPackage } from '../setup/apt.js';
import {
  bridgeName,
  defaultBridge,
  ensureBridge,
  interfaceExists,
  networkTool,
  removeBridge,
  runningEngines,
} from './bridge.js';
import { defaultDockerHost, pingDocker } from './docker-client.js';
import { engineHost, enginePaths, startDockerd, stopDockerd } from './dockerd.js';
import type { EngineFindings } from './engine-choice.js';
import { chooseEngine } from './engine-choice.js';

/** A Docker engine to run containers on. */
interface DockerEngine {
  /** Its address, in the form of DOCKER_HOST. */
  readonly host: string;
  /** True if set-up started it. Then it ends when its last user releases it. */
  readonly own: boolean;
  /** Releases the engine when this process no longer needs it. */
  release(): Promise<void>;
}

interface ObtainOptions {
  /** The directory of an engine of our own. */
  readonly home: string;
  readonly progress: Progress;
  readonly env?: NodeJS.ProcessEnv;
}

/** The time limit for the engine that a distribution's package starts by itself. */
const serviceStartTimeoutMs = 15_000;

/**
 * Finds a Docker engine: the one of DOCKER_HOST, the machine's, or one of our own. For the last, a missing
 * Docker is installed. An existing engine is not changed. Rejects with a `SetupError` that says how to get
 * one.
 */
export async function obtainDockerEngine(options: ObtainOptions): Promise<DockerEngine> {
  const dir = engineDir(options.home);
  const given = await answeringEngine(options.env ?? process.env);
  if (given !== undefined) return { host: given, own: false, release: async () => undefined };
  return withFileLock(`${dir}.lock`, () => ownEngine(dir, options));
}

/** Returns the engine of DOCKER_HOST, which must answer, or the machine's, if it answers. */
async function answeringEngine(env: NodeJS.ProcessEnv): Promise<string | undefined> {
  const named = env.DOCKER_HOST;
  const ping = await pingDocker(named || defaultDockerHost);
  if (ping.ok) return named || defaultDockerHost;
  if (!named) return undefined;
  throw new SetupError(
    `DOCKER_HOST is ${named}, but no Docker engine answers there: ${ping.why}. Start it or unset DOCKER_HOST.`,
  );
}

async function ownEngine(dir: string, options: ObtainOptions): Promise<DockerEngine> {
  const findings = await lookAround(dir, options.progress);
  const choice = chooseEngine(findings);
  if (choice.kind === 'impossible') throw new SetupError(choice.whatToDo);
  const { root } = findings;
  if (root === undefined) throw new SetupError('An engine of our own needs root.');
  if (choice.kind === 'install') {
    const installed = await installDocker(root, options.progress);
    if (installed !== undefined) return installed;
  }
  if (choice.kind !== 'adopt') await startOwn(dir, root, options);
  await joinUsers(join(dir, 'users'));
  return {
    host: engineHost(dir),
    own: true,
    release: () => withFileLock(`${dir}.lock`, () => releaseOwn(dir, root, options)),
  };
}

/** The programs that dockerd calls. */
const dockerdParts = ['containerd', 'runc', 'iptables'];

interface Findings extends EngineFindings {
  readonly root: Root | undefined;
}

async function lookAround(dir: string, progress: Progress): Promise<Findings> {
  const ownAnswers = existsSync(enginePaths(dir).socket) && (await pingDocker(engineHost(dir))).ok;
  const root = await findRoot(progress);
  return {
    ownAnswers,
    dockerd: await findOnPath('dockerd'),
    lacksParts: (await Promise.all(dockerdParts.map((name) => findOnPath(name)))).includes(undefined),
    root,
    canBeRoot: root !== undefined,
    hasApt: await hasApt(),
    defaultSocketExists: existsSync(defaultDockerHost.slice('unix://'.length)),
  };
}

/** Installs Docker. If the machine then starts an engine by itself, it returns that engine. */
async function installDocker(root: Root, progress: Progress): Promise<DockerEngine | undefined> {
  progress.note('No Docker engine on this machine: installing the package docker.io with apt.');
  try {
    await progress.step('Install docker.io', () => installPackage('docker.io', root));
  } catch (cause) {
    throw new SetupError(
      'docker.io could not be installed. Install a Docker engine, or set DOCKER_HOST to one.',
      { cause },
    );
  }
  if (!existsSync('/run/systemd/system')) return undefined;
  const answers = async () => (await pingDocker(defaultDockerHost)).ok;
  try {
    await waitUntil(answers, { what: 'the Docker service answers', timeoutMs: serviceStartTimeoutMs });
  } catch {
    return undefined;
  }
  return { host: defaultDockerHost, own: false, release: async () => undefined };
}

async function startOwn(dir: string, root: Root, options: ObtainOptions): Promise<void> {
  const { progress, home } = options;
  const dockerd = await findOnPath('dockerd');
  if (dockerd === undefined)
    throw new SetupError('docker.io was installed, but there is no dockerd on PATH.');
  const engine = { dockerd, dir, root };
  if ((await runningEngines()).length === 0) {
    await noteDefaultBridge(dir);
    return progress.step('Start a Docker engine', () => startDockerd(engine));
  }
  const bridge = bridgeName(dir);
  await ensureBridge(bridge, await networkTool(root, home, progress));
  return progress.step('Start a Docker engine beside the one that runs', () =>
    startDockerd({ ...engine, bridge }),
  );
}

/** Records, also for the time after a crash, that the engine's default bridge is ours and must be removed. */
async function noteDefaultBridge(dir: string): Promise<void> {
  await mkdir(dir, { recursive: true });
  if (!interfaceExists(defaultBridge)) await writeFile(madeDefaultBridge(dir), '');
}

async function releaseOwn(dir: string, root: Root, options: ObtainOptions): Promise<void> {
  if (!(await leaveUsers(join(dir, 'users')))) return;
  await stopDockerd(dir, root);
  const tool = await networkTool(root, options.home, options.progress);
  await removeBridge(bridgeName(dir), tool);
  if (!existsSync(madeDefaultBridge(dir)) || (await runningEngines()).length > 0) return;
  await removeBridge(defaultBridge, tool);
  await rm(madeDefaultBridge(dir));
}

function madeDefaultBridge(dir: string): string {
  return join(dir, 'made-default-bridge');
}
