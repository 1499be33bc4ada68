import { AgentLedger, explain } from '@berth/scheduler';
import { AgentDrainRecord } from '@berth/shared/gen/berth/v1/store';
import { longestAvoidanceMs } from '@berth/shared/model/cell/launch-health';
import { State, taskState } from '@berth/shared/model/task/task-state';
import { describe, expect, it } from 'vitest';
import { aJob, aReport, aService, limits, must, second, t0 } from '../../testing/fixtures.js';
import { TestCell } from '../../testing/test-cell.js';
import { toQueued } from '../placement/waiting-shards.js';
import { WaitingTasks } from '../plan/waiting-tasks.js';
import { commitOf } from './commit-plan.js';
import { planRound } from './round.js';

const hook = { code: 'systemError', text: 'error running hook #0', fault: 'host' };

/** A cell whose rounds are carried out one after another. `agent-1` sorts first, so it gets new tasks. */
class SickCell extends TestCell {
  nowMs = t0;

  /** Runs a round at a time, with reports, and returns the agents of the tasks that it placed. */
  round(atMs: number, reports: readonly ReturnType<typeof aReport>[] = []): readonly string[] {
    this.nowMs = atMs;
    const ledger = new AgentLedger(this);
    ledger.advance(atMs);
    const queued = [...this.all('task')].filter(({ record }) => taskState(record) === State.QUEUED);
    const plan = planRound({
      cell: this,
      nowMs: atMs,
      limits,
      patienceUntilMs: 0,
      jobIds: [...this.all('job')].map(({ id }) => id),
      reports: reports.map((report, index) => ({ streamId: `${index + 1}-0`, report })),
      queue: { waiting: new WaitingTasks(queued.map(({ record }) => record)), hasChanges: true },
      agents: ledger,
      retireNow: new Set(),
      orphanStopIds: [],
      maxWrites: 1000,
    });
    this.apply(commitOf(this, plan, limits).writes);
    return plan.placedTaskIds.map((id) => `${id} on ${this.task(id).agentId}`);
  }

  task(id: string) {
    return must(this.find('task', id)).record;
  }

  report(id: string, state: State, atMs: number, fields: Parameters<typeof aReport>[2] = {}) {
    return aReport(this.task(id), state, { ...fields, atMs });
  }

  failures(agentId: string) {
    return this.find('agentStatus', agentId)?.record.launchFailures;
  }
}

function twoAgents(): SickCell {
  const cell = new SickCell();
  cell.putAgent({ id: 'agent-1' }).putAgent({ id: 'agent-2' });
  return cell;
}

describe('an agent that fails launches', () => {
  it('is avoided by other jobs from the round of its failure on', () => {
    const cell = twoAgents();
    cell.putJob(aJob({ id: 'a' }));
    expect(cell.round(t0)).toEqual(['a.0-0 on agent-1']);
    cell.putJob(aJob({ id: 'b' }));
    const failed = cell.report('a.0-0', State.FAILED, t0 + 1, hook);
    expect(cell.round(t0 + 1, [failed])).toEqual(['b.0-0 on agent-2']);
    expect(cell.failures('agent-1')).toMatchObject({
      count: 1,
      reason: 'systemError: error running hook #0',
    });
    cell.putJob(aJob({ id: 'c' }));
    expect(cell.round(t0 + 2 * second)).toEqual(['a.0-1 on agent-2', 'c.0-0 on agent-2']);
  });

  it('takes one task on trial after a time, and further ones once its launch has worked', () => {
    const cell = new SickCell();
    cell.putAgent({ id: 'agent-1' }).putAgent({ id: 'agent-2', cpuMillis: 1000 });
    cell.putJob(aJob({ id: 'a', resources: { cpu: '2' } }));
    cell.round(t0);
    cell.round(t0 + 1, [cell.report('a.0-0', State.FAILED, t0 + 1, hook)]);
    for (const id of ['b', 'c']) cell.putJob(aJob({ id, resources: { cpu: '2' } }));
    expect(cell.round(t0 + 29 * second)).toEqual([]);
    expect(cell.round(t0 + 31 * second)).toEqual(['a.0-1 on agent-1']);
    expect(cell.round(t0 + 32 * second)).toEqual([]);
    expect(cell.round(t0 + 33 * second, [cell.report('a.0-1', State.RUNNING, t0 + 33 * second)])).toEqual([]);
    expect(cell.failures('agent-1')).toBeUndefined();
    expect(cell.round(t0 + 34 * second)).toEqual(['b.0-0 on agent-1']);
  });

  it('is tried at growing delays as long as it fails', () => {
    const cell = new SickCell();
    cell.putAgent({ id: 'agent-1' }).putAgent({ id: 'agent-2', cpuMillis: 1000 });
    cell.putJob(aService({ id: 's', resources: { cpu: '2' } }));
    cell.round(t0);
    const tries: number[] = [];
    let current = 's.0-0';
    for (let atMs = t0 + second; atMs < t0 + 3600 * second; atMs += second) {
      const isUp = taskState(cell.task(current)) === State.DISPATCHED;
      const placed = cell.round(atMs, isUp ? [cell.report(current, State.FAILED, atMs, hook)] : []);
      if (placed.length === 0) continue;
      tries.push((atMs - t0) / second);
      current = must(placed[0]).split(' ')[0] ?? '';
    }
    const gaps = tries.map((at, index) => at - (tries[index - 1] ?? 1));
    expect(gaps.slice(0, 5)).toEqual([30, 61, 121, 241, 481]);
    for (const gap of gaps.slice(5)) expect(gap).toBeLessThanOrEqual(longestAvoidanceMs / second + 1);
  });

  it('is tried soon if every agent that takes tasks fails: the one that failed least recently', () => {
    const cell = twoAgents();
    cell.putJob(aJob({ id: 'a' }));
    cell.round(t0);
    cell.putJob(aJob({ id: 'b' }));
    const first = cell.report('a.0-0', State.FAILED, t0 + 1, hook);
    expect(cell.round(t0 + 1, [first])).toEqual(['b.0-0 on agent-2']);
    cell.round(t0 + 500, [cell.report('b.0-0', State.FAILED, t0 + 500, hook)]);
    expect(cell.failures('agent-2')?.count).toBe(1);
    expect(cell.round(t0 + 900)).toEqual([]);
    expect(cell.round(t0 + second + 1)).toEqual(['a.0-1 on agent-1']);
  });

  it('confirms at the third attempt that a registry does not exist, if no other agent can', () => {
    const cell = new SickCell();
    cell.putAgent({ id: 'agent-1' });
    cell.putJob(aJob({ id: 'a' }));
    const text = 'the image r.invalid/x:1 cannot be pulled: lookup r.invalid: no such host';
    let atMs = t0;
    cell.round(atMs);
    for (const attempt of [0, 1, 2]) {
      const report = { code: 'systemError', text, fault: 'registry' };
      cell.round(atMs + 1, [cell.report(`a.0-${attempt}`, State.FAILED, atMs + 1, report)]);
      atMs += 60 * second;
      cell.round(atMs);
    }
    expect(cell.find('task', 'a.0-3')).toBeUndefined();
    expect(cell.find('jobStatus', 'a')?.record.state?.reason).toMatch(/r\.invalid: no such host/);
  });

  it('is not blamed for a job that fails on other agents, too', () => {
    const cell = twoAgents();
    cell.putJob(aJob({ id: 'a' }));
    cell.round(t0);
    cell.round(t0 + 1, [cell.report('a.0-0', State.FAILED, t0 + 1, hook)]);
    expect(cell.round(t0 + second + 1)).toEqual(['a.0-1 on agent-2']);
    const at = t0 + 1500;
    cell.round(at, [cell.report('a.0-1', State.FAILED, at, hook)]);
    expect(cell.failures('agent-2')).toBeUndefined();
    cell.putJob(aJob({ id: 'b' }));
    expect(cell.round(at + 1)).toEqual(['b.0-0 on agent-2']);
  });

  it('does not wait for agents that are drained', () => {
    const cell = twoAgents();
    cell.put('agentDrain', 'agent-2', AgentDrainRecord.fromPartial({ agentId: 'agent-2' }));
    cell.putJob(aJob({ id: 'a' }));
    cell.round(t0);
    cell.round(t0 + 1, [cell.report('a.0-0', State.FAILED, t0 + 1, hook)]);
    expect(cell.round(t0 + second + 1)).toEqual(['a.0-1 on agent-1']);
  });

  it('is not blamed for a job that cannot run, nor for a registry that fails', () => {
    const cell = twoAgents();
    cell.putJob(aJob({ id: 'a' })).putJob(aJob({ id: 'b' }));
    cell.round(t0);
    const ends = [
      cell.report('a.0-0', State.FAILED, t0 + 1, { code: 'invalidRequest', fault: 'job' }),
      cell.report('b.0-0', State.FAILED, t0 + 1, { code: 'systemError', fault: 'transfer' }),
    ];
    cell.round(t0 + 1, ends);
    expect(cell.failures('agent-1')).toBeUndefined();
  });

  it('counts a task that did not begin in time', () => {
    const cell = twoAgents();
    cell.putJob(aJob({ id: 'a' }));
    cell.round(t0);
    cell.round(t0 + limits.stuckDispatchedMs + second);
    expect(cell.failures('agent-1')?.reason).toMatch(/^stuckInState/);
  });

  it('is the same to a new leader, and says why tasks wait', () => {
    const cell = new SickCell();
    cell.putAgent({ id: 'agent-1' }).putAgent({ id: 'agent-2', cpuMillis: 1000 });
    cell.putJob(aJob({ id: 'a', resources: { cpu: '2' } }));
    cell.round(t0);
    cell.round(t0 + 1, [cell.report('a.0-0', State.FAILED, t0 + 1, hook)]);
    cell.round(t0 + 2 * second);
    const ledger = new AgentLedger(cell);
    ledger.advance(t0 + 2 * second);
    expect(ledger.nextTrialMs()).toBe(t0 + 1 + 30 * second);
    const { reasons } = explain(toQueued(cell.task('a.0-1'), cell), ledger.index);
    expect(reasons).toEqual([
      {
        reason: 'too little cpu free',
        agents: 1,
        samples: ['agent-2'],
        detail: 'asks 2; at most 1 is free there; the largest agent has 4',
      },
      {
        reason: 'avoided, since its launches fail',
        agents: 1,
        samples: ['agent-1'],
        detail: expect.stringMatching(
          /^last: systemError: error running hook #0; a task tries one of them at 2/,
        ),
      },
    ]);
  });
});
