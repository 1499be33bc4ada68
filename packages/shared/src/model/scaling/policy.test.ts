import { describe, expect, it } from 'vitest';
import { ScalingPolicy } from '../../gen/netflix/titus/titus_job_api.js';
import { readPolicy } from './policy.js';

const policy = (fields: Partial<ScalingPolicy>) =>
  readPolicy(ScalingPolicy.fromPartial({ condition: 'avg(CPUUtilization) > 80%', ...fields }));

function wrong(fields: Partial<ScalingPolicy>): readonly string[] {
  const read = policy(fields);
  return 'violations' in read
    ? read.violations.map(({ field, description }) => `${field} ${description}`)
    : [];
}

describe('a scaling policy', () => {
  it('has a cool-down of a minute for adding, and of five for removing', () => {
    expect(policy({ action: 'addInstances 1', durationSecs: 30 })).toMatchObject({
      kind: 'condition',
      text: 'avg(CPUUtilization) > 80%',
      durationMs: 30_000,
      coolDownMs: 60_000,
      scaleInCoolDownMs: 300_000,
      hysteresisPct: 0,
    });
  });

  it('takes cool-down and hysteresis from its labels', () => {
    const labels = { 'berth.coolDownSecs': '10', 'berth.hysteresisPct': '5', team: 'any' };
    expect(policy({ action: 'removeInstances 1', labels })).toMatchObject({
      coolDownMs: 10_000,
      scaleInCoolDownMs: 10_000,
      hysteresisPct: 5,
    });
  });

  it('tracks a target with a band of ten per cent, and is slower to scale in', () => {
    const target = (labels: Record<string, string>) =>
      policy({ condition: 'target(CPUUtilization) = 60%', labels });
    expect(target({})).toMatchObject({
      kind: 'target',
      coolDownMs: 60_000,
      scaleInCoolDownMs: 300_000,
      hysteresisPct: 10,
    });
    expect(target({ 'berth.coolDownSecs': '400' })).toMatchObject({ scaleInCoolDownMs: 400_000 });
    expect(target({ 'berth.scaleInCoolDownSecs': '20' })).toMatchObject({ scaleInCoolDownMs: 20_000 });
  });

  it.each([
    [{}, 'action is required'],
    [{ condition: ' ', action: 'addInstances 1' }, 'condition is required'],
    [{ action: 'addInstances 0' }, 'action column 14: must be at least 1'],
    [{ action: 'setInstances 0' }, 'action column 14: a job without instances has no metrics'],
    [{ action: 'removePercent 101' }, 'action column 15: must be at most 100'],
    [{ action: 'grow' }, 'action column 1: expected'],
    [{ condition: 'target(x) = 5', action: 'addInstances 1' }, 'action must be left out'],
    [{ action: 'addInstances 1', durationSecs: 86_401 }, 'durationSecs is 86401, but at most 86400'],
    [
      { action: 'addInstances 1', labels: { 'berth.coolDown': '5' } },
      'labels["berth.coolDown"] is not known',
    ],
    [
      { action: 'addInstances 1', labels: { 'berth.coolDownSecs': '5s' } },
      'labels["berth.coolDownSecs"] is "5s"',
    ],
    [
      { action: 'addInstances 1', labels: { 'berth.hysteresisPct': '101' } },
      'labels["berth.hysteresisPct"] is "101"',
    ],
  ])('is refused: %j', (fields, expected) => {
    const found = wrong(fields);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(expected);
  });

  it('reports all its faults at once', () => {
    expect(
      wrong({ condition: 'avg(x', action: 'grow', durationSecs: 1e9, labels: { 'berth.x': '' } }),
    ).toHaveLength(4);
  });
});
