import { taskIdOf } from '@berth/shared/model/task/task-id';
import { State, taskReasonCode } from '@berth/shared/model/task/task-state';
import { describe, expect, it } from 'vitest';
import { aJob, aService, aTask, limits, look, must, second, t0 } from '../../testing/fixtures.js';
import { nextRetryCounters, systemDelayMs } from '../slots/retry.js';
import { endTask } from '../task/end-task.js';
import { disruptionAllowance } from './disruption.js';

const web = aService({ desired: 3 });
const onAgent = (slot: number, agentId: string, state: State = State.RUNNING) =>
  aTask({ job: web, slot, state, agentId });
const stops = (decision: ReturnType<typeof look>) =>
  decision.tasks.filter(({ stop }) => stop?.code === 'moved').map(taskIdOf);

describe('a service on a draining agent', () => {
  const tasks = [onAgent(0, 'old'), onAgent(1, 'old'), onAgent(2, 'new')];
  const drained = { old: 0 };

  it('moves one task, and the next only when that one runs elsewhere', () => {
    const first = look({ job: web, tasks, drained });
    expect(stops(first)).toEqual(['job-1.0-0']);
    expect(stops(look(first.next))).toEqual([]);
    const [one, two, three] = must(first.next.tasks);
    const ended = must(endTask(must(one), { code: 'moved', atMs: t0 }));
    const replaced = look({ ...first.next, tasks: [ended, must(two), must(three)] });
    expect(replaced.tasks.map(taskIdOf)).toEqual(['job-1.0-0', 'job-1.0-1']);
    expect(stops(look(replaced.next))).toEqual([]);
    const again = aTask({ job: web, slot: 0, attempt: 1, state: State.RUNNING, agentId: 'new' });
    const gone = { ...ended, replaced: true };
    expect(stops(look({ ...replaced.next, tasks: [gone, again, must(two), must(three)] }))).toEqual([
      'job-1.1-0',
    ]);
  });

  it('stays while there is no capacity elsewhere, and is checked again', () => {
    const decision = look({ job: web, tasks, drained }, { findCapacity: () => false });
    expect(stops(decision)).toEqual([]);
    expect(decision.nextDueMs).toBe(t0 + 5 * second);
  });

  it('goes at once when the deadline is over, even without capacity elsewhere', () => {
    const waiting = look({ job: web, tasks, drained: { old: t0 + second } }, { findCapacity: () => false });
    expect([stops(waiting), waiting.nextDueMs]).toEqual([[], t0 + second]);
    const over = look({ job: web, tasks, drained: { old: t0 } }, { findCapacity: () => false });
    expect(stops(over)).toEqual(['job-1.0-0', 'job-1.1-0']);
  });

  it('moves as many at a time as its label allows', () => {
    const job = aService({ desired: 3, labels: { 'berth.disruptionLimit': '2' } });
    expect(stops(look({ job, tasks, drained }))).toEqual(['job-1.0-0', 'job-1.1-0']);
    const fixed = aService({ desired: 3, labels: { 'berth.disruptionLimit': '0' } });
    expect(stops(look({ job: fixed, tasks, drained }))).toEqual([]);
  });
});

describe('a batch job on a draining agent', () => {
  it('is left to end until the deadline', () => {
    const job = aJob({ desired: 2 });
    const tasks = [0, 1].map((slot) => aTask({ job, slot, state: State.RUNNING, agentId: 'old' }));
    expect(look({ job, tasks, drained: { old: 0 } }).tasks).toEqual([]);
    expect(stops(look({ job, tasks, drained: { old: t0 } }))).toHaveLength(2);
  });

  it('goes on with another task after it was moved, with all its retries', () => {
    const job = aJob();
    const ended = must(endTask(aTask({ job, state: State.RUNNING }), { code: 'moved', atMs: t0 }));
    expect(taskReasonCode(ended)).toBe('moved');
    const { tasks } = look({ job, tasks: [ended] });
    expect(tasks.at(-1)).toMatchObject({ attempt: 1, userRetries: 0, systemRetries: 0 });
  });
});

describe('the number of tasks that may be away', () => {
  it('is unlimited for a batch job, unless the job sets a limit', () => {
    const job = aJob({ desired: 2 });
    expect(disruptionAllowance(job, [aTask({ job })])).toBe(Number.POSITIVE_INFINITY);
    const careful = aJob({ desired: 2, labels: { 'berth.disruptionLimit': '1' } });
    const stopping = aTask({
      job: careful,
      state: State.RUNNING,
      record: { stop: { code: 'preempted', text: '', atMs: t0 } },
    });
    expect(disruptionAllowance(careful, [stopping])).toBe(0);
    expect(disruptionAllowance(careful, [aTask({ job: careful, state: State.RUNNING })])).toBe(1);
  });
});

describe('a refused task', () => {
  it('goes on at once, and ever more slowly when it is refused again and again', () => {
    const refused = (systemRetries: number) =>
      must(
        endTask(aTask({ state: State.DISPATCHED, record: { systemRetries } }), { code: 'refused', atMs: t0 }),
      );
    expect([0, 1, 2].map((count) => systemDelayMs(refused(count), limits))).toEqual([
      0,
      2 * second,
      4 * second,
    ]);
    expect(nextRetryCounters(refused(1), 'batch', limits)).toEqual({ userRetries: 0, systemRetries: 2 });
  });
});
