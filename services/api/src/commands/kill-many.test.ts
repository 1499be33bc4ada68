import { JobManagementServiceService as methods, State } from '@berth/shared/gen/netflix/titus/titus_job_api';
import type { BerthError } from '@berth/shared/model/errors/errors';
import { fromServiceError } from '@berth/shared/rpc/errors/status';
import { MemoryStore } from '@berth/store/memory';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { archiveJob, decide, RunningGateway } from '../testing/running-gateway.js';
import { statusWrite, taskWrite } from '../testing/scripted-cell.js';

let store: MemoryStore;
let gateway: RunningGateway;

beforeEach(async () => {
  store = new MemoryStore();
  gateway = await RunningGateway.start(store);
});

afterEach(async () => {
  await gateway.close();
  await store.close();
});

const killJobs = (...id: string[]) => gateway.call(methods.killJobs, { id });
const killTasks = (...id: string[]) => gateway.call(methods.killTasks, { id });
const errorOf = (call: Promise<unknown>): Promise<BerthError> =>
  call.then(
    () => {
      throw new Error('the call succeeded');
    },
    (error: unknown) => fromServiceError(error),
  );

async function stopRequests(): Promise<string[]> {
  const found: string[] = [];
  for await (const entities of store.openLogReader().scan())
    found.push(...entities.map(({ field }) => field).filter((field) => field.startsWith('taskStop/')));
  return found.sort();
}

describe('KillJobs', () => {
  it('kills all once, and does nothing the second time', async () => {
    const ids = await Promise.all([gateway.create(), gateway.create(), gateway.create()]);
    const { revision } = await killJobs(...ids, ...ids);
    expect((await killJobs(...ids)).revision).toBe(revision);
    expect((await killJobs()).revision).toBeNaN();
  });

  it('attempts every id and reports each failure', async () => {
    const live = await gateway.create();
    const ended = await gateway.create();
    await decide(store, [statusWrite(ended, State.FINISHED)]);
    await archiveJob(store, 'old');
    const error = await errorOf(killJobs('none', live, '', ended, 'old', 'nobody'));
    expect(error.code).toBe('notFound');
    expect(error.message).toContain('3 of 6 kills of jobs failed');
    expect(error.failures).toEqual([
      { id: 'none', code: 'notFound', message: 'There is no job "none".' },
      { id: '', code: 'invalidArgument', message: 'The request is not valid: id: is required' },
      { id: 'nobody', code: 'notFound', message: 'There is no job "nobody".' },
    ]);
    const { revision } = await gateway.call(methods.findJob, { id: live });
    expect((await gateway.call(methods.killJob, { id: live })).revision).toBe(revision);
  });

  it('refuses too many ids, and reports as many failures as fit', async () => {
    const many = Array.from({ length: 1001 }, (_, index) => `j${index}`);
    expect((await errorOf(killJobs(...many))).violations.map(({ field }) => field)).toEqual(['id']);
    const error = await errorOf(killJobs(...many.slice(0, 1000)));
    expect(error.message).toContain('1000 of 1000');
    expect(error.failures.length).toBeGreaterThan(10);
    expect(error.failures.length).toBeLessThan(1000);
  });
});

describe('KillTasks', () => {
  it('writes a stop request for each task of any job, and reports unknown tasks', async () => {
    const [a, b] = await Promise.all([gateway.create(), gateway.create()]);
    const revision = await decide(store, [taskWrite(`${a}.0-0`), taskWrite(`${b}.0-0`)]);
    await gateway.call(
      methods.findJob,
      { id: a ?? '' },
      { headers: { 'berth-min-revision': String(revision) } },
    );
    const error = await errorOf(killTasks(`${a}.0-0`, `${b}.0-0`, `${b}.9-0`));
    expect(error.failures.map(({ id, code }) => [id, code])).toEqual([[`${b}.9-0`, 'notFound']]);
    expect(await stopRequests()).toEqual([`taskStop/${a}.0-0`, `taskStop/${b}.0-0`].sort());
  });
});
