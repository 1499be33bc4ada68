import type { Resources } from '@berth/shared/gen/berth/v1/store';
import type { AgentChanges } from './agent-changes.js';
import type { Cursor } from './cursors.js';
import { departed, type IndexedAgent } from './indexed-agent.js';
import { end, type SortedAgents, start } from './sorted-agents.js';

/** A search with more changes than these looks at all agents instead. */
const maxChanges = 512;

interface ResumedSearch {
  readonly order: SortedAgents;
  readonly changes: AgentChanges<IndexedAgent>;
  readonly resources: Resources;
  readonly isMatch: (agent: IndexedAgent) => boolean;
}

/**
 * The first match of a search. An agent that did not match still does not match unless it changed. So the
 * search looks at the agents that changed, and resumes at its last position. The cursor moves to the match.
 */
export function resume(cursor: Cursor, search: ResumedSearch): IndexedAgent | undefined {
  const { order, changes, resources, isMatch } = search;
  const changed = firstChanged(search, cursor.seen);
  const isKnown = changed !== 'all';
  const found =
    isKnown && changed !== undefined && order.isBefore(changed, cursor.position)
      ? changed
      : order.findFirst(resources, isKnown ? cursor.position : start, isMatch);
  cursor.position = found === undefined ? end : order.positionOf(found);
  cursor.seen = changes.end;
  return found;
}

/** The first match among the agents that have changed since; `all` if these are too many to look at. */
function firstChanged(
  { order, changes, resources, isMatch }: ResumedSearch,
  since: number,
): IndexedAgent | undefined | 'all' {
  if (since < 0 || !changes.reaches(since, maxChanges)) return 'all';
  let best: IndexedAgent | undefined;
  let last: IndexedAgent | undefined;
  for (let number = since; number < changes.end; number += 1) {
    const agent = changes.at(number);
    if (agent === undefined || agent === last || agent.number === departed) continue;
    last = agent;
    if (!agent.fits(resources) || !isMatch(agent)) continue;
    if (best === undefined || order.isBefore(agent, order.positionOf(best))) best = agent;
  }
  return best;
}
