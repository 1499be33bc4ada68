import fc from 'fast-check';
import { expect, it } from 'vitest';
import { MantisAutoScalingPolicy } from '../../gen/netflix/titus/titus_job_api.js';
import type { Instances } from '../job/job.js';
import { decideStage, type StageWindows } from './decide-stage.js';
import { readStagePolicy } from './stage-policy.js';
import { aPolicy, ServiceSteps } from './testing/service-steps.js';

const policies = fc
  .record({
    condition: fc.constantFrom(
      'avg(x) > 60',
      'avg(x) < 40',
      'max(x) > 90 OR p50(x) > 70',
      'count(x) < 3',
      'NOT min(x) > 20',
      'target(x) = 50',
    ),
    action: fc.constantFrom(
      'addInstances 2',
      'removeInstances 3',
      'setInstances 4',
      'addPercent 50',
      'removePercent 30',
    ),
    durationSecs: fc.constantFrom(0, 5, 20),
    coolDownSecs: fc.constantFrom(0, 10, 45),
    scaleInCoolDownSecs: fc.constantFrom(0, 15, 60),
  })
  .map(({ condition, action, durationSecs, coolDownSecs, scaleInCoolDownSecs }) =>
    aPolicy(condition, condition.startsWith('target') ? '' : action, {
      durationSecs,
      labels: {
        'berth.coolDownSecs': String(coolDownSecs),
        'berth.scaleInCoolDownSecs': String(scaleInCoolDownSecs),
      },
    }),
  );

const instances: fc.Arbitrary<Instances> = fc
  .tuple(fc.nat(12), fc.nat(12), fc.nat(12))
  .map((three) => three.sort((a, b) => a - b))
  .map(([min = 0, desired = 0, max = 0]) => ({ min, desired, max }));

const steps = fc.array(
  fc.record({
    afterSecs: fc.constantFrom(1, 5, 5, 5, 25),
    x: fc.array(fc.integer({ min: 0, max: 100 }), { maxLength: 12 }),
    heardShare: fc.constantFrom(1, 1, 0.6, 0.3, 0),
    notRunning: fc.constantFrom(0, 0, 1, 3),
    starting: fc.constantFrom(0, 0, 1),
    isEnabled: fc.constantFrom(true, true, true, false),
  }),
  { minLength: 5, maxLength: 60 },
);

it('keeps the instances of a service within their bounds, and its actions a cool-down apart, for any readings', () => {
  fc.assert(
    fc.property(fc.array(policies, { minLength: 1, maxLength: 4 }), instances, steps, (all, bounds, walk) => {
      const service = new ServiceSteps(all, bounds);
      let atSecs = 1000;
      for (const { afterSecs, x, heardShare, notRunning, starting, isEnabled } of walk) {
        atSecs += afterSecs;
        const running = Math.max(0, service.instances.desired - notRunning);
        const readings = Array.from({ length: Math.floor(running * heardShare) }, (_, task) => ({
          x: x[task % x.length] ?? 50,
        }));
        const before = service.lastActionMs;
        const decision = service.check({ atSecs, readings, running, starting, isEnabled });
        if (decision === undefined) continue;
        expect(isEnabled).toBe(true);
        expect(decision.to).not.toBe(decision.from);
        expect(decision.to).toBeGreaterThanOrEqual(bounds.min);
        expect(decision.to).toBeLessThanOrEqual(bounds.max);
        const coolDowns = all
          .filter(({ text }) => text === decision.policy)
          .map((policy) => (decision.to < decision.from ? policy.scaleInCoolDownMs : policy.coolDownMs));
        if (before !== undefined)
          expect(atSecs * 1000 - before).toBeGreaterThanOrEqual(Math.min(...coolDowns));
      }
    }),
  );
});

it('keeps the instances of a stage within their bounds, and its actions a cool-down apart, for any readings', () => {
  const resources = fc.constantFrom('CPU', 'Memory', 'RPS');
  const strategy = fc.record({
    scaleUpAbovePct: fc.integer({ min: 0, max: 100 }),
    scaleDownBelowPct: fc.integer({ min: 0, max: 100 }),
    rollingCount: fc.record({ count: fc.integer({ min: 1, max: 3 }), of: fc.integer({ min: 3, max: 6 }) }),
  });
  const anyPolicy = fc.record({
    increment: fc.nat(3),
    decrement: fc.nat(3),
    coolDownSecs: fc.constantFrom(0, 30, 100),
    strategies: fc.dictionary(resources, strategy, { minKeys: 1 }),
  });
  const value = fc.integer({ min: 0, max: 100 });
  const reading = fc.record({ CPUUtilization: value, MemoryUtilization: value, RPS: value });
  const walks = fc.array(fc.array(reading, { maxLength: 3 }), { maxLength: 40 });
  fc.assert(
    fc.property(anyPolicy, instances, walks, (fields, bounds, walk) => {
      const policy = readStagePolicy(MantisAutoScalingPolicy.fromJSON(fields));
      if (policy === undefined) throw new Error('the policy does nothing');
      let windows: StageWindows = new Map();
      let [now, lastScaledMs, desired] = [0, 0, bounds.desired];
      for (const readings of walk) {
        now += 30_000;
        const situation = { instances: { ...bounds, desired }, readings, lastScaledMs, nowMs: now };
        const outcome = decideStage(policy, situation, windows);
        windows = outcome.windows;
        for (const [resource, window] of windows) {
          const { of = 1 } = policy.strategies.find((each) => each.resource === resource) ?? {};
          expect(window.length).toBeLessThanOrEqual(of);
        }
        if (outcome.decision === undefined) continue;
        expect(outcome.decision.to).toBeGreaterThanOrEqual(bounds.min);
        expect(outcome.decision.to).toBeLessThanOrEqual(bounds.max);
        expect(now - lastScaledMs).toBeGreaterThan(policy.coolDownMs);
        [desired, lastScaledMs, windows] = [outcome.decision.to, now, new Map()];
      }
    }),
  );
});

it('brings a target to rest near its level under constant load, without turning back', () => {
  const settings = fc.record({
    // The total use of all tasks, in per cent of one.
    load: fc.integer({ min: 1, max: 3000 }),
    desired: fc.integer({ min: 1, max: 40 }),
    startLooks: fc.nat(6),
    durationSecs: fc.constantFrom(0, 10, 30),
  });
  fc.assert(
    fc.property(settings, ({ load, desired, startLooks, durationSecs }) => {
      const labels = { 'berth.coolDownSecs': '15', 'berth.scaleInCoolDownSecs': '30' };
      const policy = aPolicy('target(x) = 60', '', { durationSecs, labels });
      const service = new ServiceSteps([policy], { min: 1, max: 100, desired });
      let ready = Array.from({ length: desired }, () => 0);
      const directions: number[] = [];
      let lastAt = 0;
      for (let look = 1; look <= 400; look += 1) {
        const running = ready.filter((atLook) => atLook <= look).length;
        const use = Math.min(100, load / running);
        const readings = Array.from({ length: running }, () => ({ x: use }));
        const starting = ready.length - running;
        const decision = service.check({ atSecs: look * 5, readings, running, starting });
        if (decision === undefined) continue;
        lastAt = look;
        directions.push(Math.sign(decision.to - decision.from));
        const more = Array.from({ length: Math.max(0, decision.to - ready.length) }, () => look + startLooks);
        ready = [...ready, ...more].slice(0, decision.to);
      }
      expect(new Set(directions).size).toBeLessThanOrEqual(1);
      expect(lastAt).toBeLessThan(300);
      const use = load / service.instances.desired;
      if (service.instances.desired < 100) expect(use).toBeLessThanOrEqual(66);
      // One fewer would be above the target, or it is in the band.
      if (service.instances.desired > 1)
        expect(use >= 54 || load / (service.instances.desired - 1) > 60).toBe(true);
    }),
  );
});
