import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cli } from '@berth/cli/testing/harness';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { closeCleanly, TestCell } from '../support/cells/test-cell.js';
import { skipRedisTests } from '../support/process/redis.js';

function hasOpenssl(): boolean {
  try {
    execFileSync('openssl', ['version'], { stdio: 'ignore' });
    return true;
  } catch {
    return process.env.CI !== undefined;
  }
}

describe.skipIf(skipRedisTests !== false || !hasOpenssl())('a cell with TLS and tokens', () => {
  const dir = mkdtempSync(join(tmpdir(), 'berth-secure-'));
  const [cert, key, tokens] = ['cert.pem', 'key.pem', 'tokens'].map((name) => join(dir, name)) as [
    string,
    string,
    string,
  ];
  const token = 'a-token-for-ada-1';
  let cell: TestCell;

  beforeAll(async () => {
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
    const subject = ['-subj', '/CN=gateway', '-addext', 'subjectAltName=IP:127.0.0.1'];
    const files = ['-keyout', key, '-out', cert, '-days', '1'];
    execFileSync('openssl', ['req', '-x509', ...curve, ...files, ...subject], { stdio: 'ignore' });
    writeFileSync(tokens, `${token} ada ada@example.org\n`);
    const gatewayEnv = { BERTH_TLS_CERT: cert, BERTH_TLS_KEY: key, BERTH_API_TOKENS: tokens };
    cell = await TestCell.start({ gatewayEnv });
  });
  afterAll(async () => {
    await closeCleanly(cell);
    rmSync(dir, { recursive: true });
  });

  const berth = (env: Record<string, string>, ...args: string[]) =>
    cli(['--address', cell.address(), ...args], { env });

  it('runs jobs from the command line, owned by the identity behind the token', async () => {
    const env = { BERTH_API_CA: cert, BERTH_API_TOKEN: token, BERTH_CALLER_EMAIL: 'eve@example.org' };
    const run = await berth(env, 'run', '-e', 'BERTH_SIM_RUN_MS=50', 'any:1', '-o', 'json');
    expect([run.exitCode, run.err]).toEqual([0, []]);
    const { job } = JSON.parse(run.out.at(-1) ?? '');
    expect(job.jobDescriptor.owner).toEqual({ ownerEmail: 'ada@example.org', teamEmail: 'ada@example.org' });
  });

  it('refuses a caller without a token, and names the missing header', async () => {
    const refused = await berth({ BERTH_API_CA: cert }, 'ps');
    expect([refused.exitCode, refused.err.join(' ')]).toEqual([1, expect.stringContaining('bearer token')]);
    expect(refused.err.join(' ')).toContain('BERTH_API_TOKEN');
    const half = await berth({ BERTH_API_CA: cert, BERTH_API_CERT: cert }, 'ps');
    expect([half.exitCode, half.err.join(' ')]).toEqual([2, expect.stringContaining('both or neither')]);
  });
});
