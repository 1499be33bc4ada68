/*
 * Decides how long jobs avoid an agent that fails launches. The failures stand in the agent's status, so
 * every leader and every gateway decides the same.
 */
import type { LaunchFailures } from '../../gen/berth/v1/store.js';
import { exponentialDelayMs } from '../task/back-off.js';
import type { CellView } from './cell-view.js';

/** An agent is avoided for so long after its first failed launch, and twice as long after each other. */
export const firstAvoidanceMs = 30_000;

/** The agent that is tried sooner, because tasks wait or all agents are avoided, begins with this delay. */
export const firstLastResortMs = 1_000;

/** No agent is avoided for longer after its last failure. So no task waits longer for such an agent. */
export const longestAvoidanceMs = 10 * 60_000;

/** Returns the launches that count against the agent. A restarted agent begins without failures. */
export function launchFailuresOf(cell: CellView, agentId: string): LaunchFailures | undefined {
  const failures = cell.find('agentStatus', agentId)?.record.launchFailures;
  if (failures === undefined || failures.count === 0) return undefined;
  return failures.incarnation === cell.find('agent', agentId)?.record.incarnation ? failures : undefined;
}

/**
 * Returns the end of the avoidance. `isLastResort` is true for the one agent that is tried sooner because
 * tasks wait, or every other agent is avoided, too.
 */
export function avoidedUntilMs(
  { count, lastAtMs }: Pick<LaunchFailures, 'count' | 'lastAtMs'>,
  isLastResort: boolean,
): number {
  const firstMs = isLastResort ? firstLastResortMs : firstAvoidanceMs;
  return lastAtMs + exponentialDelayMs({ firstMs, maxMs: longestAvoidanceMs, attempt: count - 1 });
}
