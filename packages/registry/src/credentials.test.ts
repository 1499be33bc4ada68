import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '@berth/shared/process/logger';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { openCredentials } from './credentials.js';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'berth-credentials-'));
  vi.stubEnv('PATH', `${directory}:${process.env.PATH}`);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(directory, { recursive: true });
});

const auth = Buffer.from('ann:s:ecret').toString('base64');
const ann = { username: 'ann', password: 's:ecret' };
const unset = { setting: 'BERTH_IMAGE_AUTH_FILE', log: silentLogger };

async function find(registry: string, file: unknown, helperLimitMs = 5_000) {
  const path = join(directory, 'config.json');
  await writeFile(path, JSON.stringify(file));
  return openCredentials({ ...unset, path, helperLimitMs })(registry);
}

async function helper(name: string, script: string): Promise<void> {
  const path = join(directory, `docker-credential-${name}`);
  await writeFile(path, `#!/bin/sh\n${script}\n`);
  await chmod(path, 0o755);
}

describe('a file of credentials', () => {
  it.each([
    'r.test:5000',
    'https://r.test:5000',
    'http://r.test:5000',
    'r.test:5000/',
    'https://r.test:5000/v1/',
    'https://r.test:5000/v2/',
    'http://R.test:5000/v2',
    'r.test:5000/v1',
  ])('has credentials under the key %s', async (key) => {
    expect((await find('r.test:5000', { auths: { [key]: { auth } } })).credentials).toEqual(ann);
  });

  it.each([
    'https://index.docker.io/v1/',
    'docker.io',
    'index.docker.io',
    'https://registry-1.docker.io/v2/',
  ])('has credentials for Docker Hub under the key %s', async (key) => {
    expect((await find('docker.io', { auths: { [key]: { auth } } })).credentials).toEqual(ann);
  });

  it.each(['r.test', 'https://r.test:5001', 'x.r.test:5000', 'https://other/r.test:5000'])(
    'has none under the key %s of another registry',
    async (key) => {
      const found = await find('r.test:5000', { auths: { [key]: { auth } } });
      expect(found).toEqual({ asked: `${directory}/config.json has no credentials for it` });
    },
  );

  it('prefers the exact key', async () => {
    const other = Buffer.from('bob:x').toString('base64');
    const auths = { 'https://r.test/v1/': { auth: other }, 'r.test': { auth } };
    expect((await find('r.test', { auths })).credentials).toEqual(ann);
  });

  it('may have the name and the password, or a token', async () => {
    const byName = { auths: { 'r.test': { username: 'ann', password: 's:ecret' } } };
    expect((await find('r.test', byName)).credentials).toEqual(ann);
    const byToken = { auths: { 'r.test': { identitytoken: 't' } } };
    expect((await find('r.test', byToken)).credentials).toMatchObject({ identityToken: 't' });
  });

  it('may be absent or broken', async () => {
    expect(await openCredentials({ ...unset, path: undefined })('r.test')).toEqual({
      asked: 'no credentials: BERTH_IMAGE_AUTH_FILE is not set',
    });
    expect(await find('r.test', { auths: 7 })).toEqual({
      asked: 'no credentials: BERTH_IMAGE_AUTH_FILE cannot be used: ZodError',
    });
  });
});

describe('a credential helper', () => {
  const answers = (secret: string, user = 'ann') =>
    `echo '{"ServerURL":"x","Username":"${user}","Secret":"${secret}"}'`;

  it('of the registry replaces that of all registries', async () => {
    await helper('own', answers('own'));
    await helper('all', answers('all'));
    const file = { credsStore: 'all', credHelpers: { 'r.test': 'own' } };
    expect((await find('r.test', file)).credentials?.password).toBe('own');
    expect((await find('s.test', file)).credentials?.password).toBe('all');
  });

  it('is asked for the key that the file has', async () => {
    await helper(
      'keys',
      `[ "$(cat)" = https://r.test/v1/ ] && ${answers('s:ecret')} || { echo credentials not found; exit 1; }`,
    );
    const file = { credsStore: 'keys', auths: { 'https://r.test/v1/': {} } };
    expect((await find('r.test', file)).credentials).toEqual(ann);
  });

  it('may give a token', async () => {
    await helper('token', answers('t', '<token>'));
    expect((await find('r.test', { credsStore: 'token' })).credentials?.identityToken).toBe('t');
  });

  it('may have nothing. Then the file decides', async () => {
    await helper('none', 'echo credentials not found in native keychain; exit 1');
    expect((await find('r.test', { credsStore: 'none', auths: { 'r.test': { auth } } })).credentials).toEqual(
      ann,
    );
  });

  it.each([
    ['exit 3', 'exit code 3'],
    ['echo secret', 'its answer is not valid'],
    ['sleep 60 & wait', 'it took longer than 300 ms'],
  ])('that fails with %s is named with the reason', async (script, why) => {
    await helper('bad', script);
    expect(await find('r.test', { credsStore: 'bad' }, 300)).toEqual({
      asked: `no credentials: docker-credential-bad failed: ${why}`,
    });
  });

  it.each([
    ['absent', 'it is not on PATH'],
    ['../evil', 'its name is not valid'],
  ])('of the name %s cannot be used', async (name, why) => {
    expect((await find('r.test', { credsStore: name })).asked).toContain(why);
  });
});
