import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { demoImage, ensureDemoImage } from '../demo/demo-image.js';
import { findOnPath } from '../machine/command.js';
import { berthDir } from '../machine/paths.js';
import { isRunning, readPidFile } from '../machine/process-id.js';
import { findRoot } from '../machine/root.js';
import { waitUntil } from '../machine/wait-until.js';
import { silentProgress } from '../output/progress.js';
import { bridgeName, ensureBridge, interfaceExists, networkTool, removeBridge } from './bridge.js';
import { dockerClient, pingDocker } from './docker-client.js';
import { engineHost, enginePaths, startDockerd, stopDockerd } from './dockerd.js';
import { mountsBelow } from './mounts.js';

const timeoutMs = 120_000;
const dockerd = await findOnPath('dockerd');
const root = await findRoot(silentProgress);
const missing =
  dockerd === undefined ? 'there is no dockerd' : root === undefined ? 'that needs root' : undefined;
const inCi = !['', '0', 'false'].includes(process.env.CI ?? '');
const skipped = missing !== undefined && !inCi;
if (skipped) process.stderr.write(`Skipping the tests of an engine of our own: ${missing}.\n`);

describe.skipIf(skipped)('a Docker engine of our own beside another', () => {
  let dir: string;
  const started = async () => {
    if (dockerd === undefined || root === undefined) throw new Error(missing);
    const bridge = bridgeName(dir);
    await ensureBridge(bridge, await networkTool(root, berthDir, silentProgress));
    await startDockerd({ dockerd, dir, root, bridge });
  };

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'berth-dockerd-'));
    await started();
  }, timeoutMs);

  afterAll(async () => {
    if (root === undefined) return;
    await stopDockerd(dir, root);
    await removeBridge(bridgeName(dir), await networkTool(root, berthDir, silentProgress));
    await rm(dir, { recursive: true, force: true });
  }, timeoutMs);

  it('runs an image made without a registry, with its ports reachable', { timeout: timeoutMs }, async () => {
    const docker = dockerClient(engineHost(dir));
    await ensureDemoImage(docker, berthDir, silentProgress);
    const container = await docker.createContainer({
      Image: demoImage,
      Cmd: ['sh', '-c', 'echo berth > /tmp/x; exec httpd -f -p 8080 -h /tmp'],
      ExposedPorts: { '8080/tcp': {} },
      HostConfig: { PortBindings: { '8080/tcp': [{ HostIp: '127.0.0.1', HostPort: '0' }] } },
    });
    await container.start();
    const port = (await container.inspect()).NetworkSettings.Ports['8080/tcp']?.[0]?.HostPort;
    const read = async () => (await fetch(`http://127.0.0.1:${port}/x`).catch(() => undefined))?.text();
    await waitUntil(async () => (await read()) === 'berth\n', { what: 'httpd answers', timeoutMs: 10_000 });
    await container.remove({ force: true });
  });

  it('leaves no processes and mounts after its stop, and starts again with its images', {
    timeout: timeoutMs,
  }, async () => {
    if (root === undefined) throw new Error(missing);
    const paths = enginePaths(dir);
    const pids = await Promise.all([readPidFile(paths.pidFile), readPidFile(paths.containerdPidFile)]);
    expect(pids).not.toContain(undefined);
    await stopDockerd(dir, root);
    for (const pid of pids) expect(await isRunning(pid ?? 0)).toBe(false);
    expect(mountsBelow(await readFile('/proc/self/mountinfo', 'utf8'), dir)).toEqual([]);
    expect(existsSync(paths.socket)).toBe(false);
    expect(interfaceExists(bridgeName(dir))).toBe(true);
    await started();
    expect(await pingDocker(engineHost(dir))).toEqual({ ok: true });
    const images = await dockerClient(engineHost(dir)).listImages();
    expect(images.flatMap((image) => image.RepoTags ?? [])).toContain(demoImage);
  });
});
