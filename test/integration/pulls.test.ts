import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DockerRuntime } from '@berth/agent/runtime/docker';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { skipDockerTests, testDockerHost } from '../support/engine/docker.js';
import { obtainRegistryBinary, startTestRegistry, type TestRegistry } from '../support/registry/registry.js';

const binary = await obtainRegistryBinary();
const password = 'test:open sesame';
const htpasswd = 'test:$2b$05$abcdefghijklmnopqrstuupx2xBUC4954936wVIjyyPHmUBFu0wCW\n';
const basic = `Basic ${Buffer.from(password).toString('base64')}`;

/** An archive with one empty file of that name, as the layer of an image. */
function layerWith(name: string): string {
  const header = (checksum: string) =>
    [
      name.padEnd(100, '\0'),
      '0000644\0',
      '0000000\0',
      '0000000\0',
      '00000000000\0',
      '00000000000\0',
      checksum,
      '0',
      '\0'.repeat(100),
      'ustar\u000000',
      '\0'.repeat(247),
    ].join('');
  const sum = [...header(' '.repeat(8))].reduce((total, char) => total + char.charCodeAt(0), 0);
  return `${header(`${sum.toString(8).padStart(6, '0')}\0 `)}${'\0'.repeat(1024)}`;
}

describe.skipIf(skipDockerTests !== false || binary === undefined)(
  'pulls of a real engine from a registry that asks for a password',
  () => {
    let dir: string;
    let registry: TestRegistry;
    const runtimes: DockerRuntime[] = [];

    beforeAll(async () => {
      dir = await mkdtemp(join(tmpdir(), 'berth-test-pulls-'));
      const path = join(dir, 'htpasswd');
      await writeFile(path, htpasswd);
      const auth = `auth:\n  htpasswd:\n    realm: test\n    path: ${path}\n`;
      registry = await startTestRegistry({ binary: binary ?? '', auth, authorize: () => basic });
      await registry.push('team/app', '1', layerWith('one'));
    });
    afterEach(async () => {
      for (const runtime of runtimes.splice(0)) await runtime.close();
    });
    afterAll(async () => {
      await registry?.stop();
      await rm(dir, { recursive: true, force: true });
    });

    /** An agent's runtime whose file has credentials under that key. */
    async function open(key: string): Promise<DockerRuntime> {
      const imageAuthFile = join(dir, 'config.json');
      const auths = { [key]: { auth: Buffer.from(password).toString('base64') } };
      await writeFile(imageAuthFile, JSON.stringify({ auths }));
      const options = { cell: 'pulls', agentId: 'pulls', dockerHost: testDockerHost, imageAuthFile };
      const runtime = new DockerRuntime(options);
      runtimes.push(runtime);
      return runtime;
    }

    it('are refused without credentials, by the fault of the image', async () => {
      const runtime = await open('other.test');
      await expect(runtime.ensureImage(`${registry.host}/team/app:1`)).rejects.toMatchObject({
        kind: 'invalid',
        fault: 'image',
        message: expect.stringMatching(`registry ${registry.host}.*config.json has no credentials for it`),
      });
    });

    it('find no image of an unknown tag, and no registry of an unknown name', async () => {
      const runtime = await open(registry.host);
      await expect(runtime.ensureImage(`${registry.host}/team/app:9`)).rejects.toMatchObject({
        kind: 'notFound',
        fault: 'image',
      });
      await expect(runtime.ensureImage('registry.invalid/team/app:1')).rejects.toMatchObject({
        kind: 'failed',
      });
    });

    it.each(['HOST', 'https://HOST/v1/', 'http://HOST/'])(
      'succeed with credentials under the key %s',
      async (key) => {
        const runtime = await open(key.replace('HOST', registry.host));
        const digest = await registry.push('team/app', key.length.toString(), layerWith(`${key.length}`));
        const reference = `${registry.host}/team/app@${digest}`;
        expect(await runtime.ensureImage(reference)).toBe(reference);
      },
    );
  },
);
