import { AgentState } from '@berth/shared/gen/berth/v1/store';
import { describe, expect, it } from 'vitest';
import { anAgent, anAgentStatus, t0 } from '../../testing/fixtures.js';
import { TestCell } from '../../testing/test-cell.js';
import { agentsInState, judgeAgents } from './agent-liveness.js';

const signs = (silent: readonly string[], beating: readonly string[] = []) => ({
  silent: new Set(silent),
  beating: new Set(beating),
});
const lost = new TestCell()
  .putAgent()
  .put('agentStatus', 'agent-1', anAgentStatus('agent-1', AgentState.LOST));

describe('judging agents', () => {
  it('takes a new agent for alive', () => {
    const cell = new TestCell().put('agent', 'agent-1', anAgent());
    expect(judgeAgents(cell, signs([]), t0)).toEqual([
      { agentId: 'agent-1', state: AgentState.ALIVE, sinceMs: t0 },
    ]);
  });

  it('takes a silent agent for lost, once', () => {
    const cell = new TestCell().putAgent();
    expect(judgeAgents(cell, signs(['agent-1']), t0)).toEqual([
      { agentId: 'agent-1', state: AgentState.LOST, sinceMs: t0 },
    ]);
    expect(judgeAgents(lost, signs(['agent-1']), t0)).toEqual([]);
  });

  it('takes a lost agent that beats again for alive', () => {
    expect(judgeAgents(lost, signs([], ['agent-1']), t0)).toEqual([
      { agentId: 'agent-1', state: AgentState.ALIVE, sinceMs: t0 },
    ]);
  });

  it('does not take a lost agent for alive for not being silent', () => {
    expect(judgeAgents(lost, signs([]), t0)).toEqual([]);
  });

  it('leaves an agent that beats, and one that is not registered, as they are', () => {
    expect(judgeAgents(new TestCell().putAgent(), signs(['stranger']), t0)).toEqual([]);
  });

  it('lists agents by their state', () => {
    expect(agentsInState(lost, AgentState.LOST)).toEqual(['agent-1']);
    expect(agentsInState(lost, AgentState.ALIVE)).toEqual([]);
  });
});
