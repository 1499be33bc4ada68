import { Job } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { describe, expect, it } from 'vitest';
import { aBatchJob } from '../../testing/fixtures.js';
import { jobShape, parseSelection, projectJob, projectTask, taskShape } from './projection.js';

const job = Job.fromPartial({
  id: 'j',
  jobClusterId: 'default',
  jobDescriptor: aBatchJob({ appName: 'app', labels: { a: 'b' } }),
  tasks: [
    {
      id: 'j.0-0',
      taskContext: { a: 'b' },
      state: { state: 3, reason: 'r' },
      stateChanges: [{ state: 'RUNNING', timestamp: 't' }],
    },
  ],
  jobState: { state: 3, reason: 'r' },
});

function projected(...fields: string[]): Job {
  const parsed = parseSelection(fields, jobShape);
  if ('violations' in parsed) throw new Error(JSON.stringify(parsed.violations));
  return Job.decode(Job.encode(projectJob(job, parsed.selection)).finish());
}

describe('projectJob', () => {
  it('keeps everything if no fields are named', () => {
    expect(projected()).toEqual(job);
  });

  it('always keeps the id and the app name', () => {
    expect(projected('jobState')).toEqual(
      Job.fromPartial({ id: 'j', jobDescriptor: { appName: 'app' }, jobState: { state: 3, reason: 'r' } }),
    );
  });

  it('keeps only the named parts of a field', () => {
    expect(projected('tasks.state.state', 'jobDescriptor.labels', 'jobDescriptor.batch')).toEqual(
      Job.fromPartial({
        id: 'j',
        jobDescriptor: { appName: 'app', labels: { a: 'b' }, jobSpec: { $case: 'batch', value: {} } },
        tasks: [{ id: 'j.0-0', state: { state: 3 } }],
      }),
    );
    expect(projected('tasks.stateChanges.state').tasks[0]?.stateChanges).toEqual([
      { state: 'RUNNING', timestamp: '' },
    ]);
  });

  it('keeps a complete field if both it and a part of it are named', () => {
    expect(projected('tasks', 'tasks.id').tasks).toEqual(job.tasks);
    expect(projected('tasks.id', 'tasks').tasks).toEqual(job.tasks);
  });
});

describe('projectTask', () => {
  it('always keeps the id', () => {
    const parsed = parseSelection(['taskContext'], taskShape);
    const [task] = job.tasks;
    if ('violations' in parsed || task === undefined) throw new Error('not valid');
    expect(projectTask(task, parsed.selection)).toMatchObject({
      id: 'j.0-0',
      taskContext: { a: 'b' },
      state: undefined,
    });
  });
});

describe('parseSelection', () => {
  it('names every unknown path', () => {
    const parsed = parseSelection(['id', 'colour', 'tasks.size', 'id.x', 'constructor', ''], jobShape);
    expect('violations' in parsed && parsed.violations.map(({ field }) => field)).toEqual([
      'fields[1]',
      'fields[2]',
      'fields[3]',
      'fields[4]',
      'fields[5]',
    ]);
  });
});
