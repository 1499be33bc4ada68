import { describe, expect, it } from 'vitest';
import { aPolicy, type ServiceStep, ServiceSteps } from './testing/service-steps.js';

const out = (coolDownSecs: number, durationSecs = 0) =>
  aPolicy('avg(x) > 80', 'addInstances 1', {
    durationSecs,
    labels: { 'berth.coolDownSecs': String(coolDownSecs) },
  });
const back = (coolDownSecs: number, durationSecs = 0) =>
  aPolicy('avg(x) < 20', 'removeInstances 1', {
    durationSecs,
    labels: { 'berth.coolDownSecs': String(coolDownSecs) },
  });

/**
 * Each row: the second, the value of each task, the wanted instances afterwards, and the standings of the
 * policies.
 */
type Row = readonly [number, readonly number[], number, readonly string[]];

function expectTable(service: ServiceSteps, rows: readonly Row[]): void {
  const actual = rows.map(([atSecs, x]): Row => {
    service.check({ atSecs, x });
    return [atSecs, x, service.instances.desired, service.standings];
  });
  expect(actual).toEqual(rows);
}

describe('a condition with a duration', () => {
  it('acts once it has held at every check for its duration, and begins anew after a failed check', () => {
    expectTable(new ServiceSteps([out(0, 10)], { min: 1, max: 5, desired: 1 }), [
      [0, [90], 1, ['holding']],
      [5, [90], 1, ['holding']],
      [9, [70], 1, ['notMet']],
      [10, [90], 1, ['holding']],
      [15, [81], 1, ['holding']],
      [20, [90], 2, ['acting']],
      // Values from before the action do not count for the time after it.
      [25, [90, 90], 2, ['holding']],
      [30, [90, 90], 2, ['holding']],
      [35, [90, 90], 3, ['acting']],
    ]);
  });

  it('begins anew after a check without readings, and after too long without a check', () => {
    expectTable(new ServiceSteps([out(0, 10)], { min: 1, max: 5, desired: 1 }), [
      [0, [90], 1, ['holding']],
      [5, [], 1, ['unknown']],
      [10, [90], 1, ['holding']],
      [19, [90], 1, ['holding']],
      // 21 s without a look are more than the patience of 20 s.
      [40, [90], 1, ['holding']],
      [50, [90], 2, ['acting']],
    ]);
  });
});

describe('the cool-down', () => {
  it('separates two actions, even if a condition holds in it', () => {
    expectTable(new ServiceSteps([out(30)], { min: 1, max: 5, desired: 1 }), [
      [0, [90], 2, ['acting']],
      [5, [90, 90], 2, ['coolingDown']],
      [29, [90, 90], 2, ['coolingDown']],
      [30, [90, 90], 3, ['acting']],
      [59, [90, 90, 90], 3, ['coolingDown']],
      [60, [90, 90, 90], 4, ['acting']],
    ]);
  });

  it('is shared by all policies of the job, each with its own length', () => {
    expectTable(new ServiceSteps([out(10), back(40)], { min: 1, max: 5, desired: 1 }), [
      [0, [90], 2, ['acting', 'notMet']],
      [10, [10, 10], 2, ['notMet', 'coolingDown']],
      [30, [10, 10], 2, ['notMet', 'coolingDown']],
      [40, [10, 10], 1, ['notMet', 'acting']],
      [45, [90], 1, ['coolingDown', 'notMet']],
      [50, [90], 2, ['acting', 'notMet']],
    ]);
  });

  it('continues under a new leader that knows only the last action', () => {
    const service = new ServiceSteps([out(30, 10)], { min: 1, max: 5, desired: 3 });
    service.lastActionMs = 100_000;
    expectTable(service, [
      [105, [90, 90, 90], 3, ['holding']],
      [115, [90, 90, 90], 3, ['coolingDown']],
      [129, [90, 90, 90], 3, ['coolingDown']],
      [130, [90, 90, 90], 4, ['acting']],
    ]);
  });
});

describe('the bounds', () => {
  it('are never left, and limit an action that would leave them', () => {
    const grow = aPolicy('avg(x) > 80', 'addInstances 3', { labels: { 'berth.coolDownSecs': '0' } });
    expectTable(new ServiceSteps([grow], { min: 1, max: 6, desired: 2 }), [
      [0, [90, 90], 5, ['acting']],
      [5, [90, 90, 90, 90, 90], 6, ['acting']],
      [10, [90, 90, 90, 90, 90, 90], 6, ['atBound']],
    ]);
  });

  it('leave one instance if the minimum is 0, since no instance means no measurement', () => {
    const service = new ServiceSteps([aPolicy('avg(x) < 20', 'removeInstances 5')], {
      min: 0,
      max: 6,
      desired: 3,
    });
    expect(service.check({ atSecs: 0, x: [1, 1, 1] })?.to).toBe(1);
  });

  it('start no cool-down if nothing changes', () => {
    const service = new ServiceSteps([out(60)], { min: 1, max: 1, desired: 1 });
    expect(service.check({ atSecs: 0, x: [90] })).toBeUndefined();
    expect(service.lastActionMs).toBeUndefined();
  });

  it('end at ten thousand instances, the most that a job may want', () => {
    const service = new ServiceSteps([aPolicy('avg(x) > 80', 'addPercent 500')], {
      min: 1,
      max: 2e9,
      desired: 9000,
    });
    expect(service.check({ atSecs: 0, x: Array.from({ length: 9000 }, () => 90) })?.to).toBe(10_000);
  });
});

describe('each action', () => {
  it.each([
    ['addInstances 2', 10, 12],
    ['removeInstances 2', 10, 8],
    ['setInstances 7', 10, 7],
    ['setInstances 15', 10, 15],
    ['addPercent 25', 10, 13],
    ['addPercent 1', 10, 11],
    ['removePercent 25', 10, 8],
    ['removePercent 1', 10, 9],
  ])('%s changes %d to %d', (action, desired, to) => {
    const service = new ServiceSteps([aPolicy('avg(x) > 0', action)], { min: 1, max: 100, desired });
    const decision = service.check({ atSecs: 0, x: Array.from({ length: desired }, () => 3) });
    expect(decision).toEqual({ policy: 'avg(x) > 0', from: desired, to, values: { 'avg(x)': 3 } });
  });

  it('does nothing if the number is reached already', () => {
    const service = new ServiceSteps([aPolicy('avg(x) > 0', 'setInstances 2')], {
      min: 1,
      max: 9,
      desired: 2,
    });
    expect(service.check({ atSecs: 0, x: [3, 3] })).toBeUndefined();
    expect(service.outlooks[0]).toMatchObject({
      standing: 'enough',
      text: 'met; 2 instances are what it asks for',
    });
  });
});

describe('several policies that are due', () => {
  const met = (action: string) => aPolicy('avg(x) > 0', action, { labels: { 'berth.coolDownSecs': '0' } });
  const decide = (...actions: string[]) =>
    new ServiceSteps(actions.map(met), { min: 1, max: 100, desired: 10 }).check({
      atSecs: 0,
      x: Array(10).fill(1),
    });

  it('let one that adds win over one that removes', () => {
    expect(decide('removeInstances 5', 'addInstances 1', 'removePercent 50')?.to).toBe(11);
  });

  it('let the largest addition win', () =>
    expect(decide('addInstances 1', 'addInstances 4', 'addPercent 20')?.to).toBe(14));

  it('let the removal win that leaves the most', () => {
    expect(decide('removeInstances 5', 'removeInstances 2')?.to).toBe(8);
  });

  it('never remove while another calls for more but cannot act now', () => {
    const policies = [
      aPolicy('avg(x) > 80', 'addInstances 1', { labels: { 'berth.coolDownSecs': '60' } }),
      aPolicy('max(y) < 10', 'removeInstances 1', { labels: { 'berth.coolDownSecs': '5' } }),
    ];
    const service = new ServiceSteps(policies, { min: 1, max: 3, desired: 2 });
    const both = (count: number, x: number) => Array.from({ length: count }, () => ({ x, y: 1 }));
    expect(service.check({ atSecs: 0, readings: both(2, 90) })?.to).toBe(3);
    expect(service.check({ atSecs: 30, readings: both(3, 90) })).toBeUndefined();
    expect(service.standings).toEqual(['atBound', 'outvoted']);
    expect(service.check({ atSecs: 35, readings: both(3, 50) })?.to).toBe(2);
  });
});

describe('hysteresis', () => {
  const policy = aPolicy('avg(x) > 80', 'addInstances 1', {
    durationSecs: 10,
    labels: { 'berth.hysteresisPct': '10', 'berth.coolDownSecs': '0' },
  });

  it('keeps a met condition until the value has fallen back by that amount', () => {
    expectTable(new ServiceSteps([policy], { min: 1, max: 5, desired: 1 }), [
      [0, [75], 1, ['notMet']],
      [5, [81], 1, ['holding']],
      [10, [73], 1, ['holding']],
      [15, [79], 2, ['acting']],
      [20, [79, 79], 2, ['notMet']],
      [25, [81, 81], 2, ['holding']],
      [30, [72, 72], 2, ['notMet']],
      [35, [81, 81], 2, ['holding']],
    ]);
  });
});

describe('an ordered instance', () => {
  const add = aPolicy('avg(x) > 80', 'addInstances 2', { labels: { 'berth.coolDownSecs': '0' } });
  const look = (step: Omit<ServiceStep, 'atSecs'>, desired = 4) => {
    const service = new ServiceSteps([add, back(0)], { min: 1, max: 20, desired });
    return { to: service.check({ atSecs: 0, ...step })?.to, standings: service.standings };
  };

  it('is not ordered twice', () => {
    expect(look({ x: [90, 90], running: 2 })).toEqual({ to: undefined, standings: ['waiting', 'notMet'] });
    expect(look({ x: [90, 90, 90], running: 3 }).to).toBe(5);
    expect(look({ x: [90, 90, 90, 90], running: 4 }).to).toBe(6);
  });

  it('does not count if it has run and is being replaced', () => {
    expect(look({ x: [90, 90], running: 2, settled: 4 }).to).toBe(6);
  });

  it('delays a removal while an agent starts it, but not while it waits for capacity', () => {
    expect(look({ x: [5, 5], running: 2, starting: 1 }).standings).toEqual(['notMet', 'waiting']);
    expect(look({ x: [5, 5], running: 2, starting: 0 }).to).toBe(3);
  });
});

describe('a missing reading', () => {
  it('prevents an addition if more than half are missing, and a removal if any is', () => {
    const look = (x: readonly number[]) => {
      const service = new ServiceSteps([out(0), back(0)], { min: 1, max: 20, desired: 4 });
      return service.check({ atSecs: 0, x, running: 4 })?.to;
    };
    expect(look([90])).toBeUndefined();
    expect(look([90, 90])).toBe(5);
    expect(look([5, 5, 5])).toBeUndefined();
    expect(look([5, 5, 5, 5])).toBe(3);
  });

  it('includes a task that has reported only other metrics', () => {
    const quiet = aPolicy('avg(CPUUtilization) < 20%', 'removeInstances 1');
    const look = (readings: ServiceStep['readings']) =>
      new ServiceSteps([quiet], { min: 1, max: 9, desired: 2 }).check({ atSecs: 0, readings: readings ?? [] })
        ?.to;
    expect(look([{ CPUUtilization: 1 }, { MemoryUtilization: 1 }])).toBeUndefined();
    expect(look([{ CPUUtilization: 1 }, { CPUUtilization: 1 }])).toBe(1);
  });

  it('does not mean a count of 0', () => {
    const service = new ServiceSteps([aPolicy('count(x) < 1', 'addInstances 1')], {
      min: 1,
      max: 9,
      desired: 2,
    });
    expect(service.check({ atSecs: 0, x: [] })).toBeUndefined();
    expect(service.check({ atSecs: 5, readings: [{ y: 1 }, { y: 1 }] })?.to).toBe(3);
  });
});

describe('a job', () => {
  it('is not scaled while it is disabled, and begins anew when it is enabled', () => {
    const service = new ServiceSteps([out(0, 10)], { min: 1, max: 5, desired: 1 });
    service.check({ atSecs: 0, x: [90] });
    expect(service.check({ atSecs: 10, x: [90], isEnabled: false })).toBeUndefined();
    expect(service.standings).toEqual(['disabled']);
    expect(service.check({ atSecs: 15, x: [90] })).toBeUndefined();
    expect(service.check({ atSecs: 25, x: [90] })?.to).toBe(2);
  });

  it('stays at 0 after its caller has set it to 0, even while tasks end', () => {
    const service = new ServiceSteps([out(0), back(0)], { min: 0, max: 5, desired: 0 });
    expect(service.check({ atSecs: 0, x: [90], running: 1 })).toBeUndefined();
    expect(service.check({ atSecs: 5, x: [5], running: 1 })).toBeUndefined();
  });
});

describe('a target', () => {
  const target = (terms = {}, durationSecs = 0) =>
    aPolicy('target(x) = 60', '', { durationSecs, labels: { 'berth.coolDownSecs': '0', ...terms } });
  const decide = (desired: number, ...x: number[]) =>
    new ServiceSteps([target()], { min: 1, max: 100, desired }).check({ atSecs: 0, x })?.to;

  it('asks for the number of instances that brings the mean to it', () => {
    expect(decide(2, 90, 90)).toBe(3);
    expect(decide(3, 90, 90, 100)).toBe(5);
    expect(decide(4, 30, 30, 30, 30)).toBe(2);
    expect(decide(3, 0, 0, 0)).toBe(1);
  });

  it('does nothing in the band around it', () => {
    expect([54, 58, 60, 66].map((x) => decide(2, x, x))).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
    // Above 66 and below 54 something happens, if a whole instance is too many or too few.
    expect(decide(2, 67, 67)).toBe(3);
    expect(decide(2, 53, 53)).toBeUndefined();
    expect(decide(10, ...Array.from({ length: 10 }, () => 53))).toBe(9);
  });

  it('does not count ordered instances twice', () => {
    const service = new ServiceSteps([target()], { min: 1, max: 100, desired: 3 });
    expect(service.check({ atSecs: 0, x: [90, 90], running: 2 })).toBeUndefined();
    expect(service.standings).toEqual(['waiting']);
  });

  it('scales in slowly: after its own cool-down, and to the most instances needed in that time', () => {
    const service = new ServiceSteps([target({ 'berth.scaleInCoolDownSecs': '60' }, 10)], {
      min: 1,
      max: 9,
      desired: 4,
    });
    service.lastActionMs = 0;
    const four = (x: number) => [x, x, x, x];
    expectTable(service, [
      [40, four(20), 4, ['holding']],
      [45, four(45), 4, ['holding']],
      [50, four(10), 4, ['coolingDown']],
      // 4 x 45 / 60 = 3 were needed at one time, though 4 x 10 / 60 is less than 1.
      [60, four(10), 3, ['acting']],
    ]);
  });

  it('scales in after a time in which all instances were needed', () => {
    expectTable(
      new ServiceSteps([target({ 'berth.scaleInCoolDownSecs': '0' }, 10)], { min: 1, max: 9, desired: 2 }),
      [
        [0, [53, 53], 2, ['notMet']],
        [5, [10, 10], 2, ['holding']],
        [10, [53, 53], 2, ['notMet']],
        [15, [10, 10], 2, ['holding']],
        [25, [10, 10], 1, ['acting']],
      ],
    );
  });

  it('begins to hold anew if the value crosses to the other side', () => {
    expectTable(new ServiceSteps([target({}, 10)], { min: 1, max: 9, desired: 2 }), [
      [0, [10, 10], 2, ['holding']],
      [9, [90, 90], 2, ['holding']],
      [18, [90, 90], 2, ['holding']],
      [19, [90, 90], 3, ['acting']],
    ]);
  });
});
