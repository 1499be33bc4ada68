import { ScalingExplanation } from '@berth/shared/gen/berth/v1/scaling_service';
import { JobDescriptor } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { describe, expect, it } from 'vitest';
import { colorizer } from '../../terminal/colors.js';
import { policiesText, scalingLines } from './scaling.js';

const nowMs = 1_000_000;
const lines = (explanation: object) =>
  scalingLines(ScalingExplanation.fromJSON(explanation), colorizer(false), nowMs);

const policy = {
  condition: 'avg(CPUUtilization) > 80%',
  action: 'addInstances 1',
  text: 'met now; has to hold for 30 s',
  values: { 'avg(CPUUtilization)': 91.2345 },
};

describe('the policies of a service in one line', () => {
  const text = (enabled: boolean, scalingPolices: { condition: string; action?: string }[]) =>
    policiesText(
      JobDescriptor.fromPartial({ jobSpec: { $case: 'service', value: { enabled, scalingPolices } } }),
    );

  it('list each policy, and say if they are switched off', () => {
    const policies = [{ condition: 'target(x) = 5' }, { condition: 'avg(y) > 1', action: 'addInstances 1' }];
    expect(text(true, policies)).toBe('target(x) = 5; avg(y) > 1: addInstances 1');
    expect(text(false, policies)).toBe('target(x) = 5; avg(y) > 1: addInstances 1 (switched off)');
    expect(text(false, [])).toBe('');
  });
});

describe('the scaling of a service', () => {
  it('shows the measurements of its policies, the reason if they do not act, and the newest decisions first', () => {
    const decision = (agoMs: number, from: number, to: number) => ({
      atMs: nowMs - agoMs,
      policy: policy.condition,
      from,
      to,
      values: { 'avg(CPUUtilization)': 88 },
    });
    const text = lines({
      jobId: 'job',
      enabled: true,
      sets: [
        { instances: { min: 1, max: 9, desired: 3 }, runningTasks: 3, heardTasks: 2, policies: [policy] },
      ],
      decisions: [decision(240_000, 1, 2), decision(60_000, 2, 3)],
    });
    expect(text).toEqual([
      'The scaling of job is switched on.',
      '',
      'It wants 3 instances, at least 1, at most 9; 2 of 3 running tasks have reported.',
      'CONDITION                  ACTION          NOW                        WHY',
      'avg(CPUUtilization) > 80%  addInstances 1  avg(CPUUtilization) 91.23  met now; has to hold for 30 s',
      '',
      'SCALED  INSTANCES  BECAUSE OF                 AT',
      '1m ago  2 → 3      avg(CPUUtilization) > 80%  avg(CPUUtilization) 88',
      '4m ago  1 → 2      avg(CPUUtilization) > 80%  avg(CPUUtilization) 88',
    ]);
  });

  it('shows if it is switched off, has no maximum, or never scaled', () => {
    const sets = [
      { instances: { min: 0, max: 2 ** 31 - 1, desired: 1 }, policies: [{ ...policy, values: {} }] },
    ];
    const text = lines({ jobId: 'job', enabled: false, sets });
    expect(text[0]).toBe('The scaling of job is switched off.');
    expect(text[2]).toBe('It wants 1 instance, at least 0, no maximum; 0 of 0 running tasks have reported.');
    expect(text[4]).toContain('addInstances 1  -');
    expect(text.at(-1)).toBe('No policy has scaled it yet.');
  });

  it('says that a caller has set the instances', () => {
    const set = { instances: { min: 1, max: 9, desired: 8 }, policies: [policy], setAtMs: nowMs - 11_000 };
    expect(lines({ jobId: 'job', enabled: true, sets: [set] })[3]).toBe(
      'A caller set its instances 11s ago, which counts as a scaling.',
    );
  });

  it('names the stages of a Mantis job', () => {
    const text = lines({
      jobId: 'job',
      enabled: true,
      sets: [{ stage: 2, instances: { min: 1, max: 3, desired: 2 }, policies: [policy] }],
      decisions: [{ atMs: nowMs, stage: 2, policy: 'CPU > 80', from: 1, to: 2 }],
    });
    expect(text[2]).toContain('Stage 2 wants 2 instances');
    expect(text.slice(-2)).toEqual([
      'SCALED  STAGE  INSTANCES  BECAUSE OF  AT',
      '0s ago  2      1 → 2      CPU > 80    -',
    ]);
  });
});
