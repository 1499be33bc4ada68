import { type AgentStatusRecord, TaskReport } from '@berth/shared/gen/berth/v1/store';
import { State } from '@berth/shared/model/task/task-state';
import { describe, expect, it } from 'vitest';
import { anAgent, anAgentStatus, aReport, aTask, limits, must, second, t0 } from '../../testing/fixtures.js';
import { applyReport } from './apply-report.js';
import { endUnseen } from './end-task.js';
import { launchOutcome, withLaunch } from './launch-outcome.js';

const starting = aTask({ state: State.STARTING });
const agent = anAgent();
const outcomeOf = (state: State, fields: Partial<TaskReport> = {}, before = starting) => {
  const report = TaskReport.fromPartial({ ...aReport(before, state), ...fields });
  const after = must(applyReport(before, report, { nowMs: t0, limits, runtimeLimitMs: 0 }));
  return launchOutcome(before, after, report);
};

describe('the outcome of a launch', () => {
  it.each([
    ['host', 'failed'],
    ['engine', 'failed'],
    ['job', undefined],
    ['image', undefined],
    ['registry', undefined],
    ['transfer', undefined],
    ['', undefined],
  ])('by the fault %s is %s', (fault, outcome) => {
    expect(outcomeOf(State.FAILED, { code: 'systemError', fault })).toBe(outcome);
  });

  it('is known once the container runs, or has an exit code', () => {
    expect(outcomeOf(State.RUNNING)).toBe('worked');
    expect(outcomeOf(State.FAILED, { exitCode: 1, fault: 'job' })).toBe('worked');
    expect(outcomeOf(State.FAILED, { exitCode: 143, code: 'systemError', fault: 'engine' })).toBe('worked');
    expect(outcomeOf(State.FINISHED, { exitCode: 0 })).toBe('worked');
  });

  it('is known once: an end after the start says nothing about launches', () => {
    const running = aTask({ state: State.RUNNING });
    expect(outcomeOf(State.FAILED, { code: 'systemError', fault: 'engine' }, running)).toBeUndefined();
  });

  it('is a failure if the task did not begin in time, and not if it was stopped', () => {
    const stuck = must(endUnseen(starting, { code: 'stuckInState', atMs: t0 }));
    expect(launchOutcome(starting, stuck)).toBe('failed');
    const lost = must(endUnseen(starting, { code: 'agentLost', atMs: t0 }));
    expect(launchOutcome(starting, lost)).toBeUndefined();
    const stopped = { ...starting, stop: { code: 'killed', text: '', atMs: t0 } };
    expect(outcomeOf(State.FAILED, { code: 'systemError', fault: 'engine' }, stopped)).toBeUndefined();
  });
});

describe('the status of an agent', () => {
  const failed = (atMs: number, placedMs = atMs) => {
    const before = aTask({ state: State.STARTING, atMs: placedMs });
    const end = { code: 'systemError', text: 'hook failed', atMs };
    return must(endUnseen(before, end));
  };
  const after = (...launches: Parameters<typeof withLaunch>[2][]) =>
    launches.reduce<AgentStatusRecord>(
      (status, launch) => withLaunch(status, agent, launch),
      anAgentStatus('agent-1'),
    ).launchFailures;
  const fails = (atMs: number, placedMs?: number) =>
    ({ outcome: 'failed', task: failed(atMs, placedMs) }) as const;

  it('counts failures in a row, with the reason of the last', () => {
    expect(after(fails(t0), fails(t0 + second))).toEqual({
      count: 2,
      lastAtMs: t0 + second,
      reason: 'systemError: hook failed',
      incarnation: agent.incarnation,
    });
  });

  it('counts launches that began together once', () => {
    expect(after(fails(t0 + second, t0), fails(t0 + 2 * second, t0))?.count).toBe(1);
  });

  it('forgets them after a launch that works, and after a restart of the agent', () => {
    expect(after(fails(t0), { outcome: 'worked', task: starting })).toBeUndefined();
    const status = withLaunch(anAgentStatus('agent-1'), agent, fails(t0));
    const restarted = withLaunch(status, { incarnation: '2' }, fails(t0 + second));
    expect(restarted.launchFailures).toMatchObject({ count: 1, incarnation: '2' });
  });

  it('stays the same object if a launch works on a sound agent', () => {
    const status = anAgentStatus('agent-1');
    expect(withLaunch(status, agent, { outcome: 'worked', task: starting })).toBe(status);
  });
});
