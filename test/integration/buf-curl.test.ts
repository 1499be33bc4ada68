import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { repoRoot } from '@berth/local/machine/paths';
import { BadRequest } from '@berth/shared/gen/google/rpc/error_details';
import { JobChangeNotification } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { State } from '@berth/shared/model/task/task-state';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { codeIn, isJobOver, stateOf } from '../support/callers/jobs.js';
import { closeCleanly, TestCell } from '../support/cells/test-cell.js';
import { skipRedisTests } from '../support/process/redis.js';

const run = promisify(execFile);
const service = 'netflix.titus.JobManagementService';

/** A client of another make. It knows the API only from the gateway's reflection, and speaks JSON. */
describe.skipIf(skipRedisTests !== false)('buf curl against a gateway', () => {
  let cell: TestCell;

  beforeAll(async () => {
    cell = await TestCell.start();
  });
  afterAll(() => closeCleanly(cell));

  const curl = async (path: string, ...args: string[]) => {
    const url = `http://${cell.address()}${path}`;
    const fixed = ['curl', '--protocol', 'grpc', '--http2-prior-knowledge', ...args, url];
    return (await run(join(repoRoot, 'node_modules/.bin/buf'), fixed, { cwd: repoRoot })).stdout;
  };
  const call = async (method: string, request: object, ...args: string[]) => {
    const printed = await curl(`/${method}`, '--data', JSON.stringify(request), ...args);
    return documentsIn(printed);
  };
  const create = async (descriptor: object, ...args: string[]) =>
    String((await call(`${service}/CreateJob`, descriptor, ...args))[0]?.id);

  const job = {
    owner: { ownerEmail: 'ann@example.com', teamEmail: 'web@example.com' },
    appName: 'resize',
    labels: { team: 'media' },
    containers: {
      main: {
        image: { name: 'simulated:1' },
        resources: { cpu: '0.5', memory: '64MiB' },
        env: { BERTH_SIM_RUN_MS: '300' },
      },
    },
    batch: { instances: { desired: 2 }, retryPolicy: { immediate: { retries: 1 } } },
  };

  it('lists every method of every service', async () => {
    const methods = (await curl('', '--list-methods')).split('\n');
    expect(methods).toEqual(
      expect.arrayContaining([
        `${service}/CreateJob`,
        `${service}/ObserveJobs`,
        'job.v1.JobService/ScheduleJob',
        'grpc.health.v1.Health/Check',
      ]),
    );
  });

  it('gets SERVING from the health service', async () => {
    expect(await call('grpc.health.v1.Health/Check', { service })).toEqual([{ status: 'SERVING' }]);
  });

  it('creates a job, watches it to its end, and finds the same state by a query', async () => {
    const id = await create(job);
    const messages = await call(`${service}/ObserveJob`, { id });
    expect(messages[0]).toMatchObject({
      jobSnapshot: {
        job: { id, jobClusterId: 'default', jobDescriptor: { appName: 'resize', labels: { team: 'media' } } },
      },
    });
    expect(messages[1]).toEqual({ snapshotEnd: {} });
    expect(messages.at(-1)).toEqual({ jobFinished: { id } });
    // A task that ended before the stream began is in its snapshot.
    const ended = messages
      .map((message) => JobChangeNotification.fromJSON(message).notification)
      .flatMap((change) => {
        if (change?.$case === 'jobSnapshot') return change.value.job?.tasks ?? [];
        return change?.$case === 'taskUdate' && change.value.task !== undefined ? [change.value.task] : [];
      })
      .filter((task) => stateOf(task) === State.FINISHED && codeIn(task) === 'normal');
    expect(new Set(ended.map((task) => task.id))).toEqual(new Set([`${id}.0-0`, `${id}.1-0`]));
    const [found] = await call(`${service}/FindJob`, { id });
    expect(found).toMatchObject({
      id,
      jobState: { state: 'FINISHED', reason: 'normal' },
      jobDescriptor: { batch: { instances: { min: 0, desired: 2 }, containerId: 'main' } },
      tasks: [{ id: `${id}.0-0` }, { id: `${id}.1-0` }],
    });
  });

  it('sends headers, and gets the same job for the same idempotency key', async () => {
    const headers = ['--header', 'idempotency-key: k1', '--header', 'berth-caller-email: eve@example.com'];
    const { owner: _, ...unowned } = job;
    const id = await create(unowned, ...headers);
    expect(await create(unowned, ...headers)).toBe(id);
    const [found] = await call(`${service}/FindJob`, { id });
    expect(found).toMatchObject({ jobDescriptor: { owner: { ownerEmail: 'eve@example.com' } } });
    await cell.caller().until(id, isJobOver, 'ends');
  });

  it('gets every offending field, and NOT_FOUND for unknown objects', async () => {
    const bad = { ...job, containers: { main: { resources: { cpu: '0', memory: 'x' } } } };
    const refused = await create(bad).catch((error: { stderr: string }) => JSON.parse(error.stderr));
    expect(refused.code).toBe('invalid_argument');
    const [detail] = refused.details as { type: string; value: string }[];
    expect(detail?.type).toBe('google.rpc.BadRequest');
    const { fieldViolations } = BadRequest.decode(Buffer.from(detail?.value ?? '', 'base64'));
    expect(fieldViolations.map(({ field }) => field).toSorted()).toEqual([
      'containers["main"].image',
      'containers["main"].resources.cpu',
      'containers["main"].resources.memory',
    ]);
    const gone = await call(`${service}/FindJob`, { id: 'gone' }).catch((error: { stderr: string }) =>
      JSON.parse(error.stderr),
    );
    expect(gone.code).toBe('not_found');
  });
});

/** Splits buf's output into its indented JSON documents. Each document begins at the margin. */
function documentsIn(printed: string): Record<string, unknown>[] {
  const documents = printed.split(/\n(?=\{)/).filter((text) => text.trim() !== '');
  return documents.map((text) => JSON.parse(text) as Record<string, unknown>);
}
