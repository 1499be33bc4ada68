import { AgentState } from '../../gen/berth/v1/store.js';
import type { CellView } from './cell-view.js';

/** True if the master counts the agent as alive. */
export function isAgentAlive(cell: CellView, agentId: string): boolean {
  return (
    cell.find('agent', agentId) !== undefined &&
    cell.find('agentStatus', agentId)?.record.state === AgentState.ALIVE
  );
}
