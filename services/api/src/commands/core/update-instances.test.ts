import type { JobDescriptor, TaskInstances } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { instancesOf } from '@berth/shared/model/job/job';
import { describe, expect, it } from 'vitest';
import { aBatchJob, aServiceJob } from '../../testing/fixtures.js';
import { type Updated, updateEnabled, updateInstances } from './update-instances.js';

const service = aServiceJob({
  jobSpec: { $case: 'service', value: { instances: { min: 1, max: 5, desired: 2 }, enabled: true } },
});

const update = (fields: Partial<TaskInstances>): TaskInstances => ({
  min: undefined,
  max: undefined,
  desired: undefined,
  ...fields,
});

function updated(result: Updated): JobDescriptor {
  if ('violations' in result) throw new Error(JSON.stringify(result.violations));
  return result.descriptor;
}

describe('updateInstances', () => {
  it('keeps fields that the update leaves unset', () => {
    expect(instancesOf(updated(updateInstances(service, update({ desired: 4 }))))).toEqual({
      min: 1,
      max: 5,
      desired: 4,
    });
    expect(instancesOf(updated(updateInstances(service, update({ min: 0, desired: 0 }))))).toEqual({
      min: 0,
      max: 5,
      desired: 0,
    });
  });

  it('returns the same descriptor if nothing changes', () => {
    expect(updateInstances(service, update({ desired: 2 }))).toEqual({ descriptor: service });
    expect(updated(updateInstances(service, update({ desired: 2 })))).toBe(service);
  });

  it.each([{ desired: 4 }, { min: 2 }, { max: 4 }, { min: 0, desired: 0 }])(
    'names the stage whose instances it changes: %j',
    (fields) => {
      expect(updateInstances(service, update(fields))).toMatchObject({ stage: 0 });
    },
  );

  it('names the values that would not be in order', () => {
    expect(updateInstances(service, update({ desired: 6 }))).toEqual({
      violations: [
        { field: 'instances', description: 'min <= desired <= max does not hold: min 1, desired 6, max 5' },
      ],
    });
  });

  it('refuses an empty update, and one of a batch job', () => {
    expect(updateInstances(service, update({}))).toHaveProperty(['violations', 0, 'field'], 'instances');
    expect(updateInstances(service, undefined)).toHaveProperty(['violations', 0, 'field'], 'instances');
    expect(updateInstances(aBatchJob(), update({ desired: 2 }))).toHaveProperty(
      ['violations', 0, 'field'],
      'jobId',
    );
  });
});

describe('updateEnabled', () => {
  it('switches a service job', () => {
    expect(updated(updateEnabled(service, false)).jobSpec).toMatchObject({
      $case: 'service',
      value: { enabled: false },
    });
    expect(updated(updateEnabled(service, true))).toBe(service);
  });

  it('refuses a batch job', () => {
    expect(updateEnabled(aBatchJob(), true)).toHaveProperty(['violations', 0, 'field'], 'id');
  });
});

describe('updateInstances of a Mantis job', () => {
  const mantis = (stages: readonly TaskInstances[]) =>
    aServiceJob({
      jobSpec: { $case: 'mantis', value: { stages: stages.map((instances) => ({ instances })) } },
    });
  const two = mantis([update({ desired: 1 }), update({ desired: 2, max: 5 })]);
  const fieldsOf = (result: Updated) =>
    'violations' in result ? result.violations.map(({ field }) => field) : [];

  it('changes only the named stage', () => {
    const after = updated(updateInstances(two, update({ desired: 4 }), { field: 'stage', stage: 2 }));
    expect([1, 2].map((stage) => instancesOf(after, stage).desired)).toEqual([1, 4]);
    expect(instancesOf(after, 2).max).toBe(5);
    expect(updateInstances(two, update({ desired: 4 }), { field: 'stage', stage: 2 })).toMatchObject({
      stage: 2,
    });
  });

  it('needs the name of the stage if there are several', () => {
    for (const stage of [undefined, 3])
      expect(fieldsOf(updateInstances(two, update({ desired: 4 }), { field: 'the field', stage }))).toEqual([
        'the field',
      ]);
  });

  it('changes the only stage without its name', () => {
    const after = updated(updateInstances(mantis([update({ desired: 1 })]), update({ desired: 4 })));
    expect(instancesOf(after, 1).desired).toBe(4);
  });

  it('is refused beyond the bounds of the stage', () => {
    const beyond = updateInstances(two, update({ desired: 6 }), { field: 'stage', stage: 2 });
    expect(fieldsOf(beyond)).toEqual(['instances']);
  });

  it('refuses a stage of a service job', () => {
    expect(fieldsOf(updateInstances(service, update({ desired: 4 }), { field: 'stage', stage: 1 }))).toEqual([
      'stage',
    ]);
  });
});
