import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CommandError, findOnPath } from '@berth/local/machine/command';
import { withFileLock } from '@berth/local/machine/file-lock';
import { berthDir } from '@berth/local/machine/paths';
import { unpackPackage } from '@berth/local/setup/apt';
import { freePort } from '../process/free-port.js';
import { waitFor } from '../process/wait-for.js';

const inCi = !['', '0', 'false'].includes(process.env.CI ?? '');

/**
 * Returns the path of a `docker-registry`: the one on PATH, or the distribution's, unpacked below .berth
 * without root. If there is none, it prints the reason and returns undefined; under CI that is an error.
 */
export async function obtainRegistryBinary(): Promise<string | undefined> {
  const onPath = await findOnPath('docker-registry');
  if (onPath !== undefined) return onPath;
  const unpacked = join(berthDir, 'packages', 'docker-registry');
  const binary = join(unpacked, 'usr', 'bin', 'docker-registry');
  try {
    await withFileLock(`${unpacked}.lock`, async () => {
      if (!existsSync(binary)) await unpackPackage('docker-registry', unpacked);
    });
    return binary;
  } catch (error) {
    if (inCi || !(error instanceof Error)) throw error;
    const why = error instanceof CommandError ? error.output.trim() : error.message;
    console.warn(`Skipping tests that need a registry: there is no docker-registry to be had (${why}).`);
    return undefined;
  }
}

/** A registry server that belongs to one test file. */
export interface TestRegistry {
  /** `127.0.0.1:port`. */
  readonly host: string;
  /** Stores an image, and returns its digest. Different `content` gives different images. */
  push(name: string, tag: string, content: string): Promise<string>;
  stop(): Promise<void>;
}

export interface TestRegistryOptions {
  readonly binary: string;
  /** The `auth` section of its configuration, as YAML. */
  readonly auth?: string;
  /** Authorizes the pushes of an image. */
  readonly authorize?: (name: string) => string;
}

/** Starts a registry on a free port, with a directory of its own, and waits until it serves. */
export async function startTestRegistry(options: TestRegistryOptions): Promise<TestRegistry> {
  const dir = await mkdtemp(join(tmpdir(), 'berth-test-registry-'));
  const host = `127.0.0.1:${await freePort()}`;
  const config = join(dir, 'config.yml');
  await writeFile(config, configOf(host, dir, options.auth));
  const server = spawn(options.binary, ['serve', config], { stdio: ['ignore', 'ignore', 'pipe'] });
  const output: string[] = [];
  server.stderr.on('data', (chunk: Buffer) => output.push(chunk.toString()));
  try {
    await waitFor(async () => {
      if (server.exitCode !== null) throw new Error(`the registry has ended:\n${output.join('')}`);
      return (await fetch(`http://${host}/v2/`).catch(() => undefined)) !== undefined;
    });
  } catch (error) {
    await stop(server, dir);
    throw error;
  }
  return {
    host,
    push: (name, tag, content) => push({ host, name, tag }, content, options.authorize),
    stop: () => stop(server, dir),
  };
}

function configOf(host: string, dir: string, auth = ''): string {
  return `version: 0.1
log:
  level: error
storage:
  filesystem:
    rootdirectory: ${dir}/data
http:
  addr: ${host}
${auth}`;
}

async function stop(server: ChildProcess, dir: string): Promise<void> {
  if (server.exitCode === null && server.signalCode === null) {
    const ended = once(server, 'exit');
    server.kill();
    await ended;
  }
  await rm(dir, { recursive: true, force: true });
}

interface Place {
  readonly host: string;
  readonly name: string;
  readonly tag: string;
}

const manifestType = 'application/vnd.docker.distribution.manifest.v2+json';

/** Acts like `docker push`, with an image that has a configuration and one layer that nobody unpacks. */
async function push(
  { host, name, tag }: Place,
  content: string,
  authorize?: (name: string) => string,
): Promise<string> {
  const headers = authorize === undefined ? {} : { authorization: authorize(name) };
  const base = `http://${host}/v2/${name}`;
  const config = Buffer.from(
    JSON.stringify({
      architecture: 'amd64',
      os: 'linux',
      config: {},
      rootfs: { type: 'layers', diff_ids: [digestOf(Buffer.from(content))] },
      history: [{ created_by: content }],
    }),
  );
  const blobs = [config, Buffer.from(content)];
  for (const blob of blobs) {
    const begun = await expectOk(await fetch(`${base}/blobs/uploads/`, { method: 'POST', headers }));
    const upload = new URL(begun.headers.get('location') ?? '', base);
    upload.searchParams.set('digest', digestOf(blob));
    await expectOk(await fetch(upload, { method: 'PUT', headers, body: blob }));
  }
  const [configPart, layer] = blobs.map((blob) => ({ size: blob.length, digest: digestOf(blob) }));
  const manifest = JSON.stringify({
    schemaVersion: 2,
    mediaType: manifestType,
    config: { mediaType: 'application/vnd.docker.container.image.v1+json', ...configPart },
    layers: [{ mediaType: 'application/vnd.docker.image.rootfs.diff.tar.gzip', ...layer }],
  });
  const put = { method: 'PUT', headers: { ...headers, 'content-type': manifestType }, body: manifest };
  await expectOk(await fetch(`${base}/manifests/${tag}`, put));
  return digestOf(Buffer.from(manifest));
}

async function expectOk(response: Response): Promise<Response> {
  if (!response.ok) throw new Error(`${response.url}: ${response.status} ${await response.text()}`);
  return response;
}

function digestOf(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}
