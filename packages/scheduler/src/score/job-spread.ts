import type { AgentInfo } from '../agent/agent-info.js';
import type { JobPlacements } from '../agent/job-placements.js';
import type { EquivalenceClass } from '../equivalence/equivalence-class.js';
import { conditionRows } from '../filters/condition-filters.js';
import type { SearchDomains } from '../filters/filter.js';

/** The zones, of that those with the fewest tasks of the job are open. */
export const zonesOfJob: SearchDomains = conditionRows.zoneBalance.domains;

/**
 * The spread of a job that has tasks already: the next one prefers the agents with the fewest tasks of the
 * job, and among them the zones with the fewest. The first task of a job has no preference, so it costs no
 * search of its own.
 */
export class JobSpread {
  /** The class of this job alone: the cursors of its searches belong to no other job. */
  readonly request: EquivalenceClass;
  readonly #placements: JobPlacements;

  constructor(request: EquivalenceClass, placements: JobPlacements) {
    this.request = request;
    this.#placements = placements;
  }

  /** The numbers of tasks that agents have of the job, the least first. */
  levels(): readonly number[] {
    return [0, ...this.#placements.levels()];
  }

  tasksOn(agent: AgentInfo): number {
    return this.#placements.on(agent);
  }

  /** Returns the rank of each agent, the least is the best: first the tasks there, then the zone. */
  ranking(): (agent: AgentInfo) => number {
    const open = new Set(zonesOfJob.open(this.request));
    return (agent) => 2 * this.tasksOn(agent) + (open.has(agent.zone) ? 0 : 1);
  }
}
