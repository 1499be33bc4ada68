import { AgentState, type AgentStatusRecord } from '@berth/shared/gen/berth/v1/store';
import type { CellView } from '@berth/shared/model/cell/cell-view';

/** The heartbeats at one time. */
interface HeartbeatSigns {
  /** Agents that have beaten before, but not lately. */
  readonly silent: ReadonlySet<string>;
  /** Agents that count as lost and beat again. */
  readonly beating: ReadonlySet<string>;
}

/** Returns the changes of agents' states: new agents and returned ones become alive, silent ones lost. */
export function judgeAgents(
  cell: CellView,
  signs: HeartbeatSigns,
  nowMs: number,
): readonly AgentStatusRecord[] {
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

/** Returns the agents that count as being in that state. */
export function agentsInState(cell: CellView, state: AgentState): readonly string[] {
  const agents: string[] = [];
  for (const { id, record } of cell.all('agentStatus')) if (record.state === state) agents.push(id);
  return agents;
}
