import { describe, expect, it } from 'vitest';
import { MantisAutoScalingPolicy } from '../../gen/netflix/titus/titus_job_api.js';
import type { Instances } from '../job/job.js';
import { decideStage, type StageWindows } from './decide-stage.js';
import type { Reading } from './evaluate.js';
import { readStagePolicy, stagePolicyViolations } from './stage-policy.js';

/** A policy as JSON. */
interface Fields {
  readonly increment?: number;
  readonly decrement?: number;
  readonly coolDownSecs?: number;
  readonly strategies: Readonly<Record<string, object>>;
}

/** A stage that is launched at second 0. Its decisions take effect at once. */
class StageSteps {
  readonly #policy;
  #windows: StageWindows = new Map();
  instances: Instances;
  lastScaledMs = 0;
  reasons: readonly string[] = [];

  constructor(policy: Fields, instances: Instances) {
    const read = readStagePolicy(MantisAutoScalingPolicy.fromJSON(policy));
    if (read === undefined) throw new Error('the policy does nothing');
    this.#policy = read;
    this.instances = instances;
  }

  check(atSecs: number, readings: readonly Reading[]) {
    const outcome = decideStage(
      this.#policy,
      { instances: this.instances, readings, lastScaledMs: this.lastScaledMs, nowMs: atSecs * 1000 },
      this.#windows,
    );
    this.#windows = outcome.windows;
    this.reasons = outcome.outlooks.map(({ standing }) => standing);
    const { decision } = outcome;
    if (decision === undefined) return undefined;
    this.instances = { ...this.instances, desired: decision.to };
    this.lastScaledMs = atSecs * 1000;
    this.#windows = new Map();
    return decision;
  }
}

const cpu = (...values: number[]) => values.map((CPUUtilization) => ({ CPUUtilization }));

/**
 * Each row: the second, the use of CPU in per cent (undefined: no reading), the instances afterwards, the
 * standing.
 */
type Row = readonly [number, number | undefined, number, string];

function expectTable(stage: StageSteps, rows: readonly Row[]): void {
  const actual = rows.map(([atSecs, value]): Row => {
    stage.check(atSecs, value === undefined ? [] : cpu(value));
    return [atSecs, value, stage.instances.desired, stage.reasons[0] ?? ''];
  });
  expect(actual).toEqual(rows);
}

const strategy = (fields: object) => ({ CPU: { scaleUpAbovePct: 80, scaleDownBelowPct: 20, ...fields } });

describe('a stage', () => {
  it('scales by single samples without a rolling count', () => {
    expectTable(new StageSteps({ strategies: strategy({}) }, { min: 1, max: 3, desired: 1 }), [
      [30, 80, 1, 'notMet'],
      [60, 81, 2, 'acting'],
      [90, 20, 2, 'notMet'],
      [120, 19, 1, 'acting'],
    ]);
  });

  it('needs `count` of the last `of` samples, strictly beyond the threshold, and begins with an empty window after an action', () => {
    const policy = { increment: 2, strategies: strategy({ rollingCount: { count: 3, of: 5 } }) };
    expectTable(new StageSteps(policy, { min: 1, max: 9, desired: 1 }), [
      [30, 90, 1, 'notMet'],
      [60, 90, 1, 'notMet'],
      [90, 50, 1, 'notMet'],
      [120, 80, 1, 'notMet'],
      // 90 90 50 80 95: three of five are above 80.
      [150, 95, 3, 'acting'],
      // The original would act again with 90 50 80 95 85.
      [180, 85, 3, 'notMet'],
      [210, 85, 3, 'notMet'],
      [240, 85, 5, 'acting'],
    ]);
  });

  it('forgets values that have left the window', () => {
    const policy = { strategies: strategy({ rollingCount: { count: 2, of: 3 } }) };
    expectTable(new StageSteps(policy, { min: 1, max: 9, desired: 1 }), [
      [30, 90, 1, 'notMet'],
      [60, 50, 1, 'notMet'],
      [90, 50, 1, 'notMet'],
      // 50 50 90: the first 90 is out.
      [120, 90, 1, 'notMet'],
      [150, 90, 2, 'acting'],
    ]);
  });

  it('fills its window in a cool-down, acts once that has passed, and cools down after the launch', () => {
    const policy = { coolDownSecs: 60, strategies: strategy({ rollingCount: { count: 2, of: 3 } }) };
    expectTable(new StageSteps(policy, { min: 1, max: 9, desired: 1 }), [
      [30, 90, 1, 'notMet'],
      [60, 90, 1, 'coolingDown'],
      [61, 10, 2, 'acting'],
      [91, 90, 2, 'notMet'],
      [120, 90, 2, 'coolingDown'],
      [122, 90, 3, 'acting'],
    ]);
  });

  it('scales down by the decrement, and up wins if a window calls for both', () => {
    const both = { increment: 3, decrement: 2, strategies: strategy({ rollingCount: { count: 1, of: 2 } }) };
    expectTable(new StageSteps(both, { min: 1, max: 9, desired: 5 }), [
      [30, 10, 3, 'acting'],
      [60, 90, 6, 'acting'],
    ]);
    const twice = { strategies: strategy({ rollingCount: { count: 2, of: 4 } }) };
    expectTable(new StageSteps(twice, { min: 1, max: 9, desired: 5 }), [
      [30, 10, 5, 'notMet'],
      [60, 90, 5, 'notMet'],
      [90, 90, 6, 'acting'],
    ]);
  });

  it('does not change, cool down or empty its window at its bound', () => {
    const policy = { coolDownSecs: 100, strategies: strategy({ rollingCount: { count: 2, of: 2 } }) };
    const stage = new StageSteps(policy, { min: 1, max: 2, desired: 2 });
    expectTable(stage, [
      [130, 90, 2, 'notMet'],
      [160, 90, 2, 'atBound'],
      [190, 90, 2, 'atBound'],
    ]);
    stage.instances = { min: 1, max: 3, desired: 2 };
    expectTable(stage, [[191, 90, 3, 'acting']]);
  });

  it('does nothing at an event without a value', () => {
    const policy = { strategies: strategy({ rollingCount: { count: 2, of: 3 } }) };
    expectTable(new StageSteps(policy, { min: 1, max: 9, desired: 1 }), [
      [30, 90, 1, 'notMet'],
      [60, undefined, 1, 'unknown'],
      [90, 90, 2, 'acting'],
    ]);
  });

  it('is not scaled if its minimum is its maximum', () => {
    const stage = new StageSteps({ strategies: strategy({}) }, { min: 2, max: 2, desired: 2 });
    expect(stage.check(30, cpu(99, 99))).toBeUndefined();
    expect(stage.reasons).toEqual([]);
  });

  it('takes the mean of its workers, and the greatest KafkaLag', () => {
    const stage = new StageSteps({ strategies: strategy({}) }, { min: 1, max: 9, desired: 2 });
    expect(stage.check(30, cpu(100, 61))).toEqual({
      policy: 'CPU > 80 or < 20',
      from: 2,
      to: 3,
      values: { CPU: 80.5 },
    });
    const lag = new StageSteps(
      { strategies: { KafkaLag: { scaleUpAbovePct: 1000 } } },
      { min: 1, max: 9, desired: 2 },
    );
    expect(lag.check(30, [{ KafkaLag: 10 }, { KafkaLag: 1001 }])?.values).toEqual({ KafkaLag: 1001 });
  });

  it.each([
    ['CPU', 'CPUUtilization'],
    ['cpu', 'CPUUtilization'],
    ['Memory', 'MemoryUtilization'],
    ['JVMMemory', 'MemoryUtilization'],
    ['network', 'NetworkUtilization'],
    ['DataDrop', 'DataDrop'],
  ])('takes %s from %s', (resource, metric) => {
    const stage = new StageSteps(
      { strategies: { [resource]: { scaleUpAbovePct: 80 } } },
      { min: 1, max: 9, desired: 2 },
    );
    expect(stage.check(30, [{ [metric]: 81 }])?.to).toBe(3);
  });
});

describe('several strategies', () => {
  const policy = {
    coolDownSecs: 40,
    strategies: {
      CPU: { scaleUpAbovePct: 80, scaleDownBelowPct: 20 },
      Memory: { scaleUpAbovePct: 90, scaleDownBelowPct: 30 },
    },
  };
  const both = (CPUUtilization: number, MemoryUtilization: number) => [{ CPUUtilization, MemoryUtilization }];

  it('let one that calls for more win, and share one cool-down', () => {
    const stage = new StageSteps(policy, { min: 1, max: 9, desired: 3 });
    expect(stage.check(60, both(10, 95))?.policy).toBe('Memory > 90 or < 30');
    expect(stage.reasons).toEqual(['outvoted', 'acting']);
    expect(stage.check(90, both(85, 50))).toBeUndefined();
    expect(stage.reasons).toEqual(['coolingDown', 'notMet']);
    expect(stage.check(120, both(10, 50))?.to).toBe(3);
  });
});

describe('a threshold', () => {
  it('of 0 disables that direction of the strategy', () => {
    const onlyDown = new StageSteps(
      { strategies: { CPU: { scaleDownBelowPct: 20 } } },
      { min: 1, max: 9, desired: 3 },
    );
    expect(onlyDown.check(30, cpu(99))).toBeUndefined();
    expect(onlyDown.check(60, cpu(5))?.to).toBe(2);
    const onlyUp = new StageSteps(
      { strategies: { CPU: { scaleUpAbovePct: 20 } } },
      { min: 1, max: 9, desired: 3 },
    );
    expect(onlyUp.check(30, cpu(0))).toBeUndefined();
  });

  it.each([
    [{ CPU: {} }, 'strategies["CPU"] does nothing'],
    [
      { CPU: { scaleUpAbovePct: 10, scaleDownBelowPct: 20 } },
      'strategies["CPU"].scaleUpAbovePct is 10, less than',
    ],
    [{ '': { scaleUpAbovePct: 10 } }, 'strategies[""] has no resource'],
    [
      { CPU: { scaleUpAbovePct: 10, rollingCount: { count: 6, of: 5 } } },
      'strategies["CPU"].rollingCount count 6',
    ],
    [
      { CPU: { scaleUpAbovePct: 10, rollingCount: { count: 1, of: 1001 } } },
      'strategies["CPU"].rollingCount.of is 1001',
    ],
  ])('is refused if it makes no sense: %j', (strategies, expected) => {
    const violations = stagePolicyViolations(MantisAutoScalingPolicy.fromJSON({ strategies }));
    expect(violations.map(({ field, description }) => `${field} ${description}`)).toEqual([
      expect.stringContaining(expected),
    ]);
  });
});
