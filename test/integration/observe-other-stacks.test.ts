import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { fileDescriptorSetBase64 } from '@berth/shared/gen/descriptors';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runs, service, simulated } from '../support/callers/jobs.js';
import { TestCell } from '../support/cells/test-cell.js';
import { skipRedisTests } from '../support/process/redis.js';

const buf = fileURLToPath(new URL('../../node_modules/.bin/buf', import.meta.url));
const reader = fileURLToPath(new URL('../support/grpc_reader.py', import.meta.url));
/** A Python that has grpcio and protobuf. `npm test` looks for one, and else takes the distribution's. */
const python = process.env.BERTH_TEST_PYTHON_GRPC;
const inCi = !['', '0', 'false'].includes(process.env.CI ?? '');
if (python === undefined)
  console.warn('Skipping what python3-grpcio reads: BERTH_TEST_PYTHON_GRPC names no Python that has it.');
const patienceMs = 30_000;

/** Resolves with the lines that a program prints of a stream, up to the first line that holds the text. */
function linesUntil(
  text: string,
  [command, ...args]: readonly [string, ...string[]],
  input = '',
): Promise<readonly string[]> {
  const child = spawn(command, args, { stdio: 'pipe', timeout: patienceMs });
  const lines: string[] = [];
  let complaint = '';
  child.stderr.on('data', (part) => {
    complaint += part;
  });
  // A program that ends before it has read its input says why.
  child.stdin.on('error', () => undefined);
  child.stdin.end(Buffer.from(input, 'base64'));
  return new Promise((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      lines.push(line);
      if (!line.includes(text)) return;
      child.kill();
      resolve(lines);
    });
    child.on('error', reject);
    child.on('exit', () => reject(new Error(`${command} ended: ${complaint || lines.join('\n')}`)));
  });
}

/** One stream: the request, and the text of the line that ends its snapshot. */
interface Reading {
  readonly address: string;
  readonly path: string;
  readonly request: string;
  readonly until: string;
}

/** Learns the messages by reflection. */
function readWithBuf({ address, path, request, until }: Reading): Promise<readonly string[]> {
  const flags = ['curl', '--protocol', 'grpc', '--http2-prior-knowledge', '-d', request];
  return linesUntil(until, [buf, ...flags, `http://${address}${path}`]);
}

async function readWithPython({ address, path, request, until }: Reading): Promise<readonly string[]> {
  if (python === undefined) throw new Error('BERTH_TEST_PYTHON_GRPC names no Python that has grpcio.');
  return linesUntil(until, [python, reader, address, path, request, until], fileDescriptorSetBase64);
}

describe.skipIf(skipRedisTests !== false)('a client of another make', () => {
  let cell: TestCell;
  let id: string;

  beforeAll(async () => {
    cell = await TestCell.start();
    const caller = cell.caller();
    id = await caller.create(service(simulated(), { tasks: 2 }));
    await caller.until(id, runs(2), 'runs');
  });
  afterAll(() => cell?.close());

  const stacks = [
    ['buf curl', readWithBuf, false],
    ['python3-grpcio', readWithPython, python === undefined && !inCi],
  ] as const;

  describe.each(stacks)('%s', (_name, read, isMissing) => {
    it.skipIf(isMissing).each([
      ['ObserveJobs', '{}'],
      ['ObserveJob', 'JOB'],
      ['ObserveJobClusters', '{}'],
      ['ObserveJobCluster', '{"id":"default"}'],
    ])('reads %s', async (method, asked) => {
      const path = `/netflix.titus.JobManagementService/${method}`;
      const request = asked === 'JOB' ? JSON.stringify({ id }) : asked;
      const lines = await read({ address: cell.address(), path, request, until: 'snapshotEnd' });
      expect(lines.join('\n')).toContain(id);
    });

    it.skipIf(isMissing)('reads the stream of berth.v1', async () => {
      const path = '/berth.v1.ObserveService/Observe';
      const asked = { address: cell.address(), path, until: 'snapshotEnd' };
      const text = (await read({ ...asked, request: '{"subscription":{}}' })).join('\n');
      expect(text).toContain(`${id}.0-0`);
      expect(text).toContain('RUNNING');
    });
  });
});
