import type { AgentIndex } from '@berth/scheduler';
import type { AgentStatusRecord } from '@berth/shared/gen/berth/v1/store';
import { avoidedUntilMs } from '@berth/shared/model/cell/launch-health';

/**
 * Has the placement of this round avoid the agents that failed a launch in it. The index follows commits, and
 * so it does not know of these failures yet. The caller must restore it after the placement.
 */
export function avoidFailing(
  index: AgentIndex,
  statuses: ReadonlyMap<string, AgentStatusRecord>,
): { readonly restore: () => void } {
  const undo: (() => void)[] = [];
  for (const [id, { launchFailures }] of statuses) {
    const agent = index.find(id);
    if (agent === undefined || launchFailures === undefined) continue;
    const { attributes, total, isDraining } = agent;
    const facts = { id, attributes, total, isDraining };
    const avoidance = {
      failures: launchFailures.count,
      lastFailedAtMs: launchFailures.lastAtMs,
      lastFailure: launchFailures.reason,
      untilMs: avoidedUntilMs(launchFailures, false),
      isOnTrial: false,
    };
    index.addAgent({ ...facts, avoidance }, [...agent.bookings.values()]);
    undo.push(() => {
      const bookings = [...(index.find(id)?.bookings.values() ?? [])];
      index.addAgent({ ...facts, avoidance: agent.avoidance }, bookings);
    });
  }
  return { restore: () => undo.forEach((each) => void each()) };
}
