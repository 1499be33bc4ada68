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
  readonly test: (agent: IndexedAgent) => boolean;
}

/**
 * The first match of a search. An agent that did not match still does not match unless it changed. So the
 * search looks at the agents that changed, and resumes at its last position. The cursor moves to the match.
 */
export function resume(cursor: Cursor, search: ResumedSearch): IndexedAgent | undefined {
  const { order, changes, resources, test } = search;
  const isKnown = cursor.seen >= 0 && changes.reaches(cursor.seen, maxChanges);
  const changed = isKnown ? firstChanged(cursor, search) : undefined;
  const found = changed ?? order.findFirst(resources, isKnown ? cursor.position : start, test);
  cursor.position = found === undefined ? end : order.positionOf(found);
  cursor.seen = changes.end;
  return found;
}

/** The first match before the cursor. Only agents that have changed since can be one. */
function firstChanged(
  { position, seen }: Cursor,
  { order, changes, resources, test }: ResumedSearch,
): IndexedAgent | undefined {
  let first: IndexedAgent | undefined;
  let limit = position;
  for (let number = seen; number < changes.end; number += 1) {
    const agent = changes.at(number);
    // An agent that has changed often is looked at once.
    if (agent === undefined || agent.lastChange !== number || agent.number === departed) continue;
    if (!order.isBefore(agent, limit) || !agent.fits(resources) || !test(agent)) continue;
    first = agent;
    limit = order.positionOf(agent);
  }
  return first;
}
