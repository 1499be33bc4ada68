import { AgentState, type AgentStatusRecord } from '@berth/shared/gen/berth/v1/store';
import type { CellView } from '@berth/shared/model/cell/cell-view';

/** What the heartbeats say at one moment. */
export interface Signs {
  /** Agents that have beaten before, but not lately. */
  readonly silent: ReadonlySet<string>;
  /** Of the agents that count as lost: those that beat again. */
  readonly beating: ReadonlySet<string>;
}

/** Agents whose status the master has to change: new ones and returned ones are alive, silent ones lost. */
export function judgeAgents(cell: CellView, signs: Signs, nowMs: number): readonly AgentStatusRecord[] {
  const changes: AgentStatusRecord[] = [];
  for (const { id } of cell.all('agent')) {
    const state = cell.find('agentStatus', id)?.record.state;
    if (signs.silent.has(id)) {
      if (state === AgentState.ALIVE) changes.push({ agentId: id, state: AgentState.LOST, sinceMs: nowMs });
    } else if (state === undefined || (state === AgentState.LOST && signs.beating.has(id))) {
      changes.push({ agentId: id, state: AgentState.ALIVE, sinceMs: nowMs });
    }
  }
  return changes;
}

/** The agents that count as being in that state. */
export function agentsInState(cell: CellView, state: AgentState): readonly string[] {
  const agents: string[] = [];
  for (const { id, record } of cell.all('agentStatus')) if (record.state === state) agents.push(id);
  return agents;
}
