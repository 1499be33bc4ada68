import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runs, service, simulated } from '../support/jobs.js';
import { skipRedisTests } from '../support/redis.js';
import { TestCell } from '../support/test-cell.js';

const buf = fileURLToPath(new URL('../../node_modules/.bin/buf', import.meta.url));
const patienceMs = 30_000;

/** What `buf curl` prints of a stream, line by line, until a line holds the text; it learns the messages by reflection. */
function linesUntil(text: string, url: string, request: string): Promise<readonly string[]> {
  const child = spawn(buf, ['curl', '--protocol', 'grpc', '--http2-prior-knowledge', '-d', request, url], {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: patienceMs,
  });
  const lines: string[] = [];
  let complaint = '';
  child.stderr.on('data', (part) => {
    complaint += part;
  });
  return new Promise((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      lines.push(line);
      if (!line.includes(text)) return;
      child.kill();
      resolve(lines);
    });
    child.on('error', reject);
    child.on('exit', () => reject(new Error(`buf curl ended: ${complaint || lines.join('\n')}`)));
  });
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

  it.each([
    ['ObserveJobs', 'snapshotEnd', '{}'],
    ['ObserveJob', 'snapshotEnd', 'JOB'],
    ['ObserveJobClusters', 'snapshotEnd', '{}'],
    ['ObserveJobCluster', 'snapshotEnd', '{"id":"default"}'],
  ])('reads %s', async (method, text, request) => {
    const url = `http://${cell.address()}/netflix.titus.JobManagementService/${method}`;
    const lines = await linesUntil(text, url, request === 'JOB' ? JSON.stringify({ id }) : request);
    expect(lines.join('\n')).toContain(id);
  });

  it('reads the stream of berth.v1', async () => {
    const url = `http://${cell.address()}/berth.v1.ObserveService/Observe`;
    const text = (await linesUntil('snapshotEnd', url, '{"subscription":{}}')).join('\n');
    expect(text).toContain(`${id}.0-0`);
    expect(text).toContain('RUNNING');
  });
});
