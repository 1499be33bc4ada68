import { TaskReport } from '@berth/shared/gen/berth/v1/store';
import { State } from '@berth/shared/model/task/task-state';
import { systemClock } from '@berth/shared/process/clock';
import { silentLogger } from '@berth/shared/process/logger';
import { systemRandom } from '@berth/shared/process/random';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Outage } from '../primitives/outage.js';
import { waitFor } from '../testing/wait-for.js';
import { Reporter } from './reporter.js';

const { STARTING, RUNNING, FAILED } = State;

function report(taskId: string, state: State): TaskReport {
  return TaskReport.fromPartial({ agentId: 'a', taskId, state });
}

describe('the reporter', () => {
  let stored: TaskReport[];
  let batches: number[];
  let isAway: boolean;
  let reporter: Reporter;
  const publish = async (reports: readonly TaskReport[]) => {
    if (isAway) throw new Error('connection refused');
    batches.push(reports.length);
    stored.push(...reports);
  };

  beforeEach(() => {
    stored = [];
    batches = [];
    isAway = false;
    const outage = new Outage(silentLogger, 'Redis', 'reports wait');
    reporter = new Reporter({ outbox: { publish }, clock: systemClock, random: systemRandom, outage });
  });
  afterEach(() => reporter.close(1_000));

  it('stores the reports of one turn in one call, in order', async () => {
    reporter.report(report('t1', STARTING));
    reporter.report(report('t2', STARTING));
    await waitFor(() => stored.length === 2, 'both are stored');
    expect(batches).toEqual([2]);
    expect(stored.map(({ taskId }) => taskId)).toEqual(['t1', 't2']);
    expect(reporter.pending).toBe(0);
  });

  it('reports only RUNNING if a task starts and runs within one turn', async () => {
    reporter.report(report('t1', STARTING));
    reporter.report(report('t2', STARTING));
    await Promise.resolve();
    reporter.report(report('t1', RUNNING));
    await waitFor(() => stored.length === 2, 'both are stored');
    expect(stored.map(({ taskId, state }) => [taskId, state])).toEqual([
      ['t1', RUNNING],
      ['t2', STARTING],
    ]);
  });

  it('misses no report, at any moment', async () => {
    for (let count = 1; count <= 40; count += 1) {
      reporter.report(report(`t${count}`, RUNNING));
      // Each round adds a turn of the queue of microtasks. So the test covers every moment of the sending.
      for (let turn = 0; turn < count; turn += 1) await Promise.resolve();
    }
    await waitFor(() => stored.length === 40, 'all are stored');
  });

  it('keeps at most two reports a task while the store is away: that it ran, and how it ended', async () => {
    isAway = true;
    reporter.report(report('first', STARTING));
    await waitFor(() => reporter.pending === 1, 'it tries');
    for (let round = 0; round < 100; round += 1) {
      for (const state of [STARTING, RUNNING, FAILED]) reporter.report(report('t', state));
    }
    expect(reporter.pending).toBeLessThanOrEqual(3);
    isAway = false;
    await waitFor(() => reporter.pending === 0, 'all are stored');
    expect(stored.map(({ taskId, state }) => [taskId, state])).toEqual([
      ['first', STARTING],
      ['t', RUNNING],
      ['t', FAILED],
    ]);
  });

  it('stores the remaining reports before it closes, but does not wait without end', async () => {
    reporter.report(report('t1', RUNNING));
    await reporter.close(1_000);
    expect(stored).toHaveLength(1);
    isAway = true;
    reporter.report(report('t2', RUNNING));
    await reporter.close(10);
    expect(stored).toHaveLength(1);
  });

  it('keeps the order of each task’s states through all failures', async () => {
    const story = fc.array(fc.record({ task: fc.nat(3), fails: fc.boolean() }), { maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(story, async (steps) => {
        const reported: TaskReport[] = [];
        const failing = steps.map(({ fails }) => fails);
        const outbox = {
          publish: async (reports: readonly TaskReport[]) => {
            if (failing.shift()) throw new Error('lost');
            reported.push(...reports);
          },
        };
        const clock = { nowMs: () => 0, sleep: () => Promise.resolve() };
        const outage = new Outage(silentLogger, 'Redis', 'reports wait');
        const own = new Reporter({ outbox, clock, random: systemRandom, outage });
        const next = new Map<number, number>();
        for (const { task } of steps) {
          const state = Math.min(next.get(task) ?? STARTING, FAILED);
          next.set(task, state === RUNNING ? FAILED : state + 1);
          own.report(report(String(task), state as State));
          await Promise.resolve();
        }
        await waitFor(() => own.pending === 0, 'all is reported');
        for (const task of next.keys()) {
          const states = reported.filter(({ taskId }) => taskId === String(task)).map(({ state }) => state);
          expect(states).toEqual(states.toSorted((a, b) => a - b));
        }
        await own.close(0);
      }),
    );
  });
});
