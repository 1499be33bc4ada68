import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { aBatchJob } from '@berth/api/testing/fixtures';
import { RunningGateway } from '@berth/api/testing/running-gateway';
import { JobManagementServiceService } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { imageResolutionLabel } from '@berth/shared/model/submission/template-job';
import { fromServiceError } from '@berth/shared/rpc/errors/status';
import { MemoryStore } from '@berth/store/memory';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { obtainRegistryBinary, startTestRegistry, type TestRegistry } from '../support/registry/registry.js';
import { startTokenServer, type TokenServer } from '../support/registry/token-server.js';

const binary = await obtainRegistryBinary();

/** Of the user in the file below. */
const password = 'test:open sesame';
const htpasswd = 'test:$2b$05$abcdefghijklmnopqrstuupx2xBUC4954936wVIjyyPHmUBFu0wCW\n';
const basic = `Basic ${Buffer.from(password).toString('base64')}`;

const gateways: RunningGateway[] = [];
let dir: string;

async function gatewayWith(env: NodeJS.ProcessEnv = {}): Promise<RunningGateway> {
  const gateway = await RunningGateway.start(new MemoryStore(), env);
  gateways.push(gateway);
  return gateway;
}

/** A file of credentials such as `docker login` writes. */
async function authFile(host: string, auth: string): Promise<string> {
  const path = join(dir, `${host.replace(/\W/g, '-')}.json`);
  const entry = { auth: Buffer.from(auth).toString('base64') };
  await writeFile(path, JSON.stringify({ auths: { [host]: entry } }));
  return path;
}

/** The image and the note that a job with this image is stored with. */
async function submit(gateway: RunningGateway, name: string) {
  const id = await gateway.create(aBatchJob({ containers: { main: { image: { name } } } }));
  const { jobDescriptor } = await gateway.find(id);
  return {
    image: jobDescriptor?.containers.main?.image,
    note: jobDescriptor?.labels[imageResolutionLabel],
  };
}

async function refusal(submission: Promise<unknown>) {
  const error = await submission.then(
    () => undefined,
    (cause: unknown) => fromServiceError(cause),
  );
  return { code: error?.code, fields: error?.violations.map(({ field }) => field), text: error?.message };
}

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'berth-test-images-'));
});

afterEach(async () => {
  for (const gateway of gateways.splice(0)) await gateway.close();
});

afterAll(() => rm(dir, { recursive: true, force: true }));

describe.skipIf(binary === undefined)('images of a registry', () => {
  let registry: TestRegistry;

  beforeAll(async () => {
    registry = await startTestRegistry({ binary: binary ?? '' });
  });

  afterAll(() => registry?.stop());

  it('are resolved from tag to digest, and the job carries both', async () => {
    const digest = await registry.push('team/app', '1', 'one');
    const name = `${registry.host}/team/app:1`;
    expect(await submit(await gatewayWith(), name)).toEqual({
      image: { name, imageId: digest },
      note: undefined,
    });
  });

  it('are resolved anew at each submission, while jobs that were submitted keep theirs', async () => {
    const gateway = await gatewayWith({ BERTH_IMAGE_RESOLUTION: 'required' });
    const name = `${registry.host}/team/moving`;
    const digests: string[] = [];
    for (const content of ['first', 'second']) {
      digests.push(await registry.push('team/moving', 'latest', content));
      expect((await submit(gateway, name)).image?.imageId).toBe(digests.at(-1));
    }
    expect(new Set(digests).size).toBe(2);
    const listed = await gateway.call(JobManagementServiceService.findJobs, {
      page: undefined,
      fiterlingCriteria: {},
      fields: [],
    });
    const stored = listed.response.items.map((job) => job.jobDescriptor?.containers.main?.image?.imageId);
    expect(stored).toEqual(digests);
  });

  it('are looked up by digest if the name has one', async () => {
    const digest = await registry.push('team/pinned', '1', 'pinned');
    const gateway = await gatewayWith();
    const name = `${registry.host}/team/pinned@${digest}`;
    expect((await submit(gateway, name)).image).toEqual({ name, imageId: digest });
    const other = `${registry.host}/team/pinned@sha256:${'0'.repeat(64)}`;
    expect((await refusal(submit(gateway, other))).code).toBe('invalidArgument');
  });

  it('are refused with INVALID_ARGUMENT and their field if they are unknown', async () => {
    for (const mode of ['required', 'best-effort']) {
      const gateway = await gatewayWith({ BERTH_IMAGE_RESOLUTION: mode });
      for (const name of ['team/nothing:1', 'team/app:nothing'])
        expect(await refusal(submit(gateway, `${registry.host}/${name}`))).toEqual({
          code: 'invalidArgument',
          fields: ['containers["main"].image.name'],
          text: expect.stringContaining(`registry ${registry.host} has no such image`),
        });
    }
  });

  it('stay unchanged if resolution is off', async () => {
    const gateway = await gatewayWith({ BERTH_IMAGE_RESOLUTION: 'off' });
    const name = `${registry.host}/team/nothing:1`;
    expect(await submit(gateway, name)).toEqual({ image: { name, imageId: '' }, note: undefined });
  });
});

describe.skipIf(binary === undefined)('images of a registry with passwords', () => {
  let registry: TestRegistry;

  beforeAll(async () => {
    const path = join(dir, 'htpasswd');
    await writeFile(path, htpasswd);
    const auth = `auth:\n  htpasswd:\n    realm: test\n    path: ${path}\n`;
    registry = await startTestRegistry({ binary: binary ?? '', auth, authorize: () => basic });
  });

  afterAll(() => registry?.stop());

  it('are resolved with the credentials of the file', async () => {
    const digest = await registry.push('team/app', '1', 'one');
    const gateway = await gatewayWith({
      BERTH_IMAGE_RESOLUTION: 'required',
      BERTH_IMAGE_AUTH_FILE: await authFile(registry.host, password),
    });
    expect((await submit(gateway, `${registry.host}/team/app:1`)).image?.imageId).toBe(digest);
    expect((await refusal(submit(gateway, `${registry.host}/team/app:2`))).code).toBe('invalidArgument');
  });

  it('are refused or accepted unresolved without credentials, as the operator configures', async () => {
    const name = `${registry.host}/team/app:1`;
    const required = await gatewayWith({ BERTH_IMAGE_RESOLUTION: 'required' });
    expect(await refusal(submit(required, name))).toMatchObject({ code: 'invalidArgument' });
    const { image, note } = await submit(await gatewayWith(), name);
    expect(image?.imageId).toBe('');
    expect(note).toMatch(/^skipped: main: .*requires a password/);
  });
});

describe.skipIf(binary === undefined)('images of a registry with tokens', () => {
  let registry: TestRegistry;
  let tokens: TokenServer;

  beforeAll(async () => {
    tokens = await startTokenServer(password);
    registry = await startTestRegistry({
      binary: binary ?? '',
      auth: tokens.registryAuth,
      authorize: (name) => tokens.authorize(name),
    });
  });

  afterAll(async () => {
    await registry?.stop();
    await tokens?.stop();
  });

  it('are resolved with a token in exchange for the credentials', async () => {
    const digest = await registry.push('team/app', '1', 'one');
    const gateway = await gatewayWith({
      BERTH_IMAGE_RESOLUTION: 'required',
      BERTH_IMAGE_AUTH_FILE: await authFile(registry.host, password),
    });
    expect((await submit(gateway, `${registry.host}/team/app:1`)).image?.imageId).toBe(digest);
    expect(tokens.asked).toBe(1);
    expect((await refusal(submit(gateway, `${registry.host}/team/app:2`))).code).toBe('invalidArgument');
  });

  it('are refused if the token server refuses the credentials', async () => {
    const gateway = await gatewayWith({
      BERTH_IMAGE_RESOLUTION: 'required',
      BERTH_IMAGE_AUTH_FILE: await authFile(registry.host, 'test:wrong'),
    });
    const { code, text } = await refusal(submit(gateway, `${registry.host}/team/app:1`));
    expect([code, text]).toEqual(['invalidArgument', expect.stringMatching(/token server refuses/)]);
  });
});

describe.skipIf(binary === undefined)('a registry that does not answer', () => {
  let gone: string;

  beforeAll(async () => {
    const registry = await startTestRegistry({ binary: binary ?? '' });
    gone = registry.host;
    await registry.stop();
  });

  it('makes CreateJob fail with UNAVAILABLE if its answer is required', async () => {
    const gateway = await gatewayWith({ BERTH_IMAGE_RESOLUTION: 'required' });
    expect(await refusal(submit(gateway, `${gone}/team/app:1`))).toMatchObject({ code: 'unavailable' });
  });

  it('otherwise lets the job through with an unresolved image', async () => {
    const { image, note } = await submit(await gatewayWith(), `${gone}/team/app:1`);
    expect(image?.imageId).toBe('');
    expect(note).toBe(`skipped: main: registry ${gone} did not answer: it refuses connections`);
  });
});

describe('images that only the Docker engine has', () => {
  it('are accepted by their name without a registry, and the job records that', async () => {
    const { image, note } = await submit(await gatewayWith(), 'berth/busybox:1');
    expect(image).toEqual({ name: 'berth/busybox:1', imageId: '' });
    expect(note).toBe('skipped: main: the name has no registry');
  });

  it('are accepted unchanged by their id', async () => {
    const gateway = await gatewayWith({ BERTH_IMAGE_RESOLUTION: 'required' });
    const image = { imageId: `sha256:${'a'.repeat(64)}` };
    const id = await gateway.create(aBatchJob({ containers: { main: { image } } }));
    const { jobDescriptor } = await gateway.find(id);
    expect(jobDescriptor?.containers.main?.image?.imageId).toBe(image.imageId);
    expect(jobDescriptor?.labels).not.toHaveProperty([imageResolutionLabel]);
  });
});
