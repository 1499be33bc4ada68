import { Agent, GetAgentResponse } from '@berth/shared/gen/berth/v1/agent_service';
import { AgentState } from '@berth/shared/gen/berth/v1/store';
import { State } from '@berth/shared/model/task/task-state';
import { describe, expect, it } from 'vitest';
import { plain } from '../../terminal/colors.js';
import { renderTable } from '../../terminal/table.js';
import { agentDetail, agentHeadings, agentRow, agentState, agentTable } from './agents.js';

const nowMs = Date.UTC(2026, 0, 2);
const agent = Agent.fromPartial({
  id: 'host-1',
  attributes: { zone: 'a', machineType: 'm5' },
  capacity: { cpuMillis: 8000, memoryMb: 4096 },
  free: { cpuMillis: 1500, memoryMb: 1024 },
  state: AgentState.ALIVE,
  tasks: 2,
  registeredAtMs: nowMs - 3 * 3600_000,
});
const drain = { sinceMs: nowMs - 60_000, by: 'ann', deadlineAtMs: nowMs + 3600_000 };

describe('the list of agents', () => {
  it('shows the free resources of each agent', () => {
    expect(renderTable(agentHeadings, [agentRow(agent, nowMs)], plain)).toEqual([
      'AGENT   STATE  ZONE  TYPE  TASKS  CPU FREE  MEMORY FREE   GPU FREE  AGE',
      'host-1  alive  a     m5    2      1.5/8     1024/4096 MB  -         3h',
    ]);
  });

  it('tells of an agent that all jobs avoid, with its last failure and its next try', () => {
    const avoidance = {
      failures: 3,
      lastFailedAtMs: nowMs - 12_000,
      lastFailure: 'systemError: error running hook #0',
      untilMs: nowMs + 108_000,
    };
    const sick = { ...agent, avoidance };
    const { headings, rows } = agentTable([agent, sick], nowMs);
    expect(renderTable(headings, rows, plain).slice(1)).toEqual([
      expect.stringMatching(/^host-1 +alive .* -$/),
      expect.stringMatching(
        /^host-1 +avoided .* 3 failed, last 12s ago: systemError: error running hook #0; next try in 1m48s$/,
      ),
    ]);
    expect(agentDetail(GetAgentResponse.fromPartial({ agent: sick }), nowMs, plain).join('\n')).toMatch(
      /launches +3 failed/,
    );
  });

  it.each([
    [{ state: AgentState.ALIVE, drain }, 'draining'],
    [{ state: AgentState.LOST, drain: undefined }, 'lost'],
    [{ state: AgentState.LOST, drain }, 'lost, draining'],
    [{ state: AgentState.UNSPECIFIED, drain: undefined }, 'new'],
  ])('shows if an agent takes tasks, and the reason if not: %#', (one, text) => {
    expect(agentState(one)).toMatchObject({ text });
  });
});

describe('one agent', () => {
  it('is shown with its drain, and with the tasks that are left on it', () => {
    const tasks = [
      { taskId: 'j.0-0', jobId: 'j', state: { state: State.RUNNING, reason: '' }, stopping: true },
    ];
    const lines = agentDetail(
      GetAgentResponse.fromPartial({ agent: { ...agent, drain }, tasks }),
      nowMs,
      plain,
    );
    expect(lines).toContain('drained      for 1m, by ann');
    expect(lines).toContain('deadline     2026-01-02T01:00:00.000Z');
    expect(lines.at(-1)).toMatch(/^j\.0-0 +STOPPING/);
    expect(agentDetail(GetAgentResponse.fromPartial({ agent }), nowMs, plain).at(-1)).toBe('No tasks.');
  });
});
