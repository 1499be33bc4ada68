import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureDemoImage } from '@berth/local/demo/demo-image';
import { bridgeName, ensureBridge, networkTool, removeBridge } from '@berth/local/engine/bridge';
import { dockerClient } from '@berth/local/engine/docker-client';
import { engineHost, enginePaths, startDockerd, stopDockerd } from '@berth/local/engine/dockerd';
import { findOnPath } from '@berth/local/machine/command';
import { berthDir } from '@berth/local/machine/paths';
import { isRunning, readPidFile } from '@berth/local/machine/process-id';
import { findRoot, type Root } from '@berth/local/machine/root';
import { silentProgress } from '@berth/local/output/progress';
import { waitFor } from '../process/wait-for.js';

/** A Docker engine of a test's own, beside all others. So the test may kill it. */
export interface OwnEngine {
  /** Its address, in the form of DOCKER_HOST. */
  readonly host: string;
  /** Sends SIGKILL, like a crash. */
  kill(): Promise<void>;
  /**
   * Sends SIGTERM, like the host's shutdown. Resolves when the engine has ended its containers and itself.
   */
  shutDown(): Promise<void>;
  /** Starts it again with the same data. */
  restart(): Promise<void>;
  remove(): Promise<void>;
}

/** Returns the requirements of an own engine; undefined if the machine lacks them. */
export async function engineNeeds(): Promise<{ readonly dockerd: string; readonly root: Root } | undefined> {
  const [dockerd, root] = [await findOnPath('dockerd'), await findRoot(silentProgress)];
  return dockerd === undefined || root === undefined ? undefined : { dockerd, root };
}

/** Starts an engine that has the test image. */
export async function startOwnEngine(needs: { dockerd: string; root: Root }): Promise<OwnEngine> {
  const { root } = needs;
  const dir = await mkdtemp(join(tmpdir(), 'berth-dockerd-'));
  const tool = await networkTool(root, berthDir, silentProgress);
  const bridge = bridgeName(dir);
  const start = () => startDockerd({ ...needs, dir, bridge });
  const remove = async () => {
    await stopDockerd(dir, root);
    await removeBridge(bridge, tool);
    await root.run('rm', ['-rf', dir]);
    await rm(dir, { recursive: true, force: true });
  };
  try {
    await ensureBridge(bridge, tool);
    await start();
    await ensureDemoImage(dockerClient(engineHost(dir)), berthDir, silentProgress);
  } catch (error) {
    await remove();
    throw error;
  }
  const kill = async () => {
    const pid = await readPidFile(enginePaths(dir).pidFile);
    if (pid === undefined) throw new Error('the engine does not run');
    await root.run('sh', ['-c', `kill -KILL ${pid}`]);
    await waitFor(async () => !(await isRunning(pid)), { what: 'the engine is gone' });
  };
  return { host: engineHost(dir), kill, shutDown: () => stopDockerd(dir, root), restart: start, remove };
}
