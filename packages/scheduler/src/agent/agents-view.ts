import type { AgentInfo } from './agent-info.js';
import type { JobPlacements } from './job-placements.js';

/** The agents as filters and scorers see them: nothing here changes them. */
export interface AgentsView {
  readonly size: number;
  /** Differs after each agent that came, left, or came back with other attributes or another size. */
  readonly membership: number;
  /** The number of zones that have an agent. */
  readonly zoneCount: number;
  /** One more than the greatest number of an agent. */
  readonly numberEnd: number;

  agents(): Iterable<AgentInfo>;

  find(agentId: string): AgentInfo | undefined;

  /** The agents of the job's tasks; undefined if it has none. */
  placementsOf(jobId: string): JobPlacements | undefined;
}
