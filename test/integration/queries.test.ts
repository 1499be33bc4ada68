import {
  type DeepPartial,
  JobQuery,
  JobManagementServiceService as methods,
  TaskQuery,
} from '@berth/shared/gen/netflix/titus/titus_job_api';
import { State } from '@berth/shared/model/task/task-state';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { batch, isJobOver, ownPart, runs, service, simulated, stateOf } from '../support/callers/jobs.js';
import type { TitusCaller } from '../support/callers/titus-caller.js';
import { TestCell } from '../support/cells/test-cell.js';
import { skipRedisTests } from '../support/process/redis.js';

describe.skipIf(skipRedisTests !== false)('FindJobs and FindTasks', () => {
  let cell: TestCell;
  let caller: TitusCaller;
  /** In the order of their creation. */
  const ids: Record<'web' | 'api' | 'done' | 'broken' | 'waiting', string> = {
    web: '',
    api: '',
    done: '',
    broken: '',
    waiting: '',
  };

  beforeAll(async () => {
    cell = await TestCell.start();
    caller = cell.caller();
    const labels = (team: string, stack: string) => ({ labels: { team, stack } });
    const eve = { owner: { ownerEmail: 'eve@example.com', teamEmail: 'web@example.com' } };
    ids.web = await caller.create({
      ...service(simulated(), { tasks: 3 }),
      appName: 'web',
      ...labels('a', 'main'),
      ...eve,
    });
    ids.api = await caller.create({ ...service(simulated()), appName: 'api', ...labels('a', 'test') });
    ids.done = await caller.create({
      ...batch(simulated({ runMs: 0 }), { tasks: 2 }),
      ...labels('b', 'main'),
    });
    ids.broken = await caller.create(batch(simulated({ runMs: 0, exitCode: 2 })));
    ids.waiting = await caller.create(batch({ ...simulated(), resources: { cpu: '999', memory: '32' } }));
    await Promise.all([
      caller.until(ids.web, runs(3), 'runs'),
      caller.until(ids.api, runs(1), 'runs'),
      caller.until(ids.done, isJobOver, 'ends'),
      caller.until(ids.broken, isJobOver, 'ends'),
      caller.until(ids.waiting, ({ tasks }) => tasks.length === 1, 'has a task'),
    ]);
  });
  afterAll(() => cell?.close());

  const findJobs = async (query: DeepPartial<JobQuery>) =>
    (await caller.call(methods.findJobs, JobQuery.fromPartial(query))).response;
  const findTasks = async (query: DeepPartial<TaskQuery>) =>
    (await caller.call(methods.findTasks, TaskQuery.fromPartial(query))).response;
  const namesFound = async (fiterlingCriteria: Record<string, string>) => {
    const found = new Set((await findJobs({ fiterlingCriteria })).items.map(({ id }) => id));
    return Object.entries(ids).flatMap(([name, id]) => (found.has(id) ? [name] : []));
  };

  it('returns all jobs, complete, in the order of their creation', async () => {
    const { items, pagination } = await findJobs({});
    expect(items.map(({ id }) => id)).toEqual(Object.values(ids));
    expect(pagination).toEqual({
      currentPage: { pageNumber: 0, pageSize: 100 },
      hasMore: false,
      totalPages: 1,
      totalItems: 5,
    });
    expect(items[0]).toEqual(await caller.find(ids.web));
  });

  it('pages without gap or repetition, and returns a cursor', async () => {
    const pages = await Promise.all(
      [0, 1, 2, 3].map((pageNumber) => findJobs({ page: { pageNumber, pageSize: 2 } })),
    );
    expect(pages.flatMap(({ items }) => items.map(({ id }) => id))).toEqual(Object.values(ids));
    expect(pages.map(({ pagination }) => pagination?.hasMore)).toEqual([true, true, false, false]);
    expect(pages.map(({ pagination }) => pagination?.totalPages)).toEqual([3, 3, 3, 3]);
    const tasks = await Promise.all(
      [0, 1].map((pageNumber) => findTasks({ jobId: ids.web, page: { pageNumber, pageSize: 2 } })),
    );
    expect(tasks.map(({ items }) => items.map(ownPart))).toEqual([['0-0', '1-0'], ['2-0']]);
  });

  it.each([
    [{ jobType: 'batch' }, ['done', 'broken', 'waiting']],
    [{ appName: 'web,api' }, ['web', 'api']],
    [{ applicationName: 'web' }, ['web']],
    [{ owner: 'web@example.com' }, ['web']],
    [{ labels: 'team:a' }, ['web', 'api']],
    [{ labels: 'team:a,stack:main' }, ['web']],
    [{ labels: 'team:a,stack:main', 'labels.op': 'or' }, ['web', 'api', 'done']],
    [{ labels: 'team' }, ['web', 'api', 'done']],
    [{ jobState: 'FINISHED' }, ['done']],
    [{ jobState: 'failed' }, ['broken']],
    [{ taskStates: 'RUNNING' }, ['web', 'api']],
    [{ taskStates: 'QUEUED,FAILED' }, ['broken', 'waiting']],
    [{ taskStates: 'any', jobType: 'service' }, ['web', 'api']],
    [{ taskStateReasons: 'failed' }, ['broken']],
    [{ jobType: 'service', labels: 'stack:test' }, ['api']],
    [{ jobState: 'QUEUED', jobType: 'service' }, []],
  ])('finds by %o', async (criteria, names) => {
    expect(await namesFound(criteria as Record<string, string>)).toEqual(names);
  });

  it('finds by ids of jobs and of tasks', async () => {
    expect(await namesFound({ jobIds: `${ids.api},${ids.done}` })).toEqual(['api', 'done']);
    expect(await namesFound({ taskIds: `${ids.web}.1-0` })).toEqual(['web']);
    const { items } = await findTasks({ jobId: ids.web, fiterlingCriteria: { taskIds: `${ids.web}.1-0` } });
    expect(items.map(ownPart)).toEqual(['1-0']);
  });

  it('finds tasks by state and reason', async () => {
    const states = async (jobId: string, fiterlingCriteria: Record<string, string>) =>
      (await findTasks({ jobId, fiterlingCriteria })).items.map(stateOf);
    expect(await states(ids.done, { taskStates: 'FINISHED' })).toEqual([State.FINISHED, State.FINISHED]);
    expect(await states(ids.done, { taskStates: 'RUNNING' })).toEqual([]);
    expect(await states(ids.broken, { taskStateReasons: 'failed' })).toEqual([State.FAILED]);
    expect(await states(ids.broken, { taskStateReasons: 'oom' })).toEqual([]);
  });

  it('returns the requested fields, with the id', async () => {
    const { items } = await findJobs({
      fiterlingCriteria: { jobIds: ids.broken },
      fields: ['jobState', 'tasks.state.reason'],
    });
    expect(items).toHaveLength(1);
    expect(items[0]).toMatchObject({
      id: ids.broken,
      jobClusterId: '',
      stateChanges: [],
      jobState: { state: State.FAILED },
    });
    expect(items[0]?.jobDescriptor?.containers).toEqual({});
    expect(items[0]?.tasks[0]).toMatchObject({ taskContext: {}, state: { reason: 'failed: exit code 2' } });
    const { items: tasks } = await findTasks({ jobId: ids.web, fields: ['state'] });
    expect(tasks[0]).toMatchObject({ id: `${ids.web}.0-0`, taskContext: {}, stateChanges: [] });
  });

  it('FindTask returns the same task as FindJob', async () => {
    const { tasks } = await caller.find(ids.web);
    expect(tasks).toHaveLength(3);
    for (const task of tasks) expect(await caller.findTask(task.id)).toEqual(task);
  });

  it('fills in missing fields of a descriptor, and keeps the given ones', async () => {
    const { jobDescriptor, jobClusterId } = await caller.find(ids.api);
    expect(jobClusterId).toBe('default');
    expect(jobDescriptor?.owner).toEqual({ ownerEmail: 'test@example.com', teamEmail: 'test@example.com' });
    expect(jobDescriptor?.jobSpec?.value).toMatchObject({
      enabled: true,
      instances: { min: 0, max: 2 ** 31 - 1, desired: 1 },
      retryPolicy: { policy: { $case: 'immediate', value: { retries: 0 } } },
    });
  });
});
