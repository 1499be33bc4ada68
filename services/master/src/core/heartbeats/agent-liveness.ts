import { AgentState, AgentStatusRecord } from '@berth/shared/gen/berth/v1/store';
import type { CellView } from '@berth/shared/model/cell/cell-view';
import { isAhead } from '@berth/shared/model/cell/leader-time';

/** The heartbeats at one time. */
interface HeartbeatSigns {
  /** Agents that have beaten before, but not lately. */
  readonly silent: ReadonlySet<string>;
  /** Agents that count as lost and beat again. */
  readonly beating: ReadonlySet<string>;
}

/**
 * Returns the changes of agents' states: new agents and returned ones become alive, silent ones lost. Times
 * from a clock that ran ahead become the present.
 */
export function judgeAgents(
  cell: CellView,
  signs: HeartbeatSigns,
  nowMs: number,
): readonly AgentStatusRecord[] {
  const changes: AgentStatusRecord[] = [];
  for (const { id } of cell.all('agent')) {
    const status = cell.find('agentStatus', id)?.record;
    const state = status?.state;
    const become = (next: AgentState) =>
      changes.push(AgentStatusRecord.create({ ...status, agentId: id, state: next, sinceMs: nowMs }));
    if (signs.silent.has(id)) {
      if (state === AgentState.ALIVE) become(AgentState.LOST);
    } else if (state === undefined || (state === AgentState.LOST && signs.beating.has(id))) {
      become(AgentState.ALIVE);
    } else if (status !== undefined && isFromFastClock(status, nowMs)) {
      changes.push(setBack(status, nowMs));
    }
  }
  return changes;
}

function isFromFastClock({ sinceMs, launchFailures }: AgentStatusRecord, nowMs: number): boolean {
  return isAhead(Math.max(sinceMs, launchFailures?.lastAtMs ?? 0), nowMs);
}

function setBack(status: AgentStatusRecord, nowMs: number): AgentStatusRecord {
  const { sinceMs, launchFailures } = status;
  return {
    ...status,
    sinceMs: Math.min(sinceMs, nowMs),
    launchFailures: launchFailures && {
      ...launchFailures,
      lastAtMs: Math.min(launchFailures.lastAtMs, nowMs),
    },
  };
}

/** Returns the agents that count as being in that state. */
export function agentsInState(cell: CellView, state: AgentState): readonly string[] {
  const agents: string[] = [];
  for (const { id, record } of cell.all('agentStatus')) if (record.state === state) agents.push(id);
  return agents;
}
