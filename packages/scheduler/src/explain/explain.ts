import type { AgentIndex } from '../index/agent-index.js';
import { findAgent } from '../place/find-agent.js';
import { HolderNames } from '../place/holder-names.js';
import type { PlaceOptions } from '../place/place-options.js';
import { reasonDetails } from '../place/reason-details.js';
import { searchFor, type TaskSearch } from '../place/search-for.js';
import type { QueuedTask } from '../request/placement-request.js';
import { type Finding, findRemedies } from './remedies.js';
import type { Remedy } from './remedy.js';

/** Agents that are named as examples of a reason. */
const maxSamples = 5;

/** The reasons why a task waits, and the changes that would help. */
export interface Explanation {
  /** The number of live agents. */
  readonly agents: number;
  /** Set if an agent would take the task now: the next round places it. */
  readonly agentId?: string;
  /** The most frequent first. */
  readonly reasons: readonly ExplainedReason[];
  /** Single changes: each one would place the task. */
  readonly remedies: readonly Remedy[];
}

interface ExplainedReason {
  readonly reason: string;
  readonly agents: number;
  readonly samples: readonly string[];
  /** The numbers or the cause behind the reason, as text for people. */
  readonly detail?: string;
  /** The tasks in the way, as text for people. Absent: no single tasks are. */
  readonly takenBy?: string;
}

/** The options of placement that matter to a task that waits. */
export type ExplainOptions = Pick<PlaceOptions, 'policy' | 'failuresSinceMs' | 'refusalsSinceMs'>;

/** Looks at every agent. The index is the same afterwards. */
export function explain(task: QueuedTask, index: AgentIndex, options: ExplainOptions = {}): Explanation {
  const search = searchFor(task, index, options);
  const { request } = search;
  const findings = [...index.agents()].map((agent) => ({ agent, obstacles: request.obstaclesOn(agent) }));
  const reasons = withDetails(summarize(findings), search, findings);
  const found = findAgent(search);
  if (found !== undefined) return { agents: index.size, agentId: found.id, reasons, remedies: [] };
  return { agents: index.size, reasons, remedies: findRemedies(task, search, findings) };
}

function withDetails(
  reasons: readonly ExplainedReason[],
  { request }: TaskSearch,
  findings: readonly Finding[],
): readonly ExplainedReason[] {
  const known = new Set(reasons.map(({ reason }) => reason));
  const details = reasonDetails(
    request,
    findings.map(({ agent }) => agent),
    known,
  );
  return reasons.map((each) => {
    const detail = details.get(each.reason);
    return detail === undefined ? each : { ...each, detail };
  });
}

function summarize(findings: readonly Finding[]): readonly ExplainedReason[] {
  const byReason = new Map<string, { agents: number; samples: string[] }>();
  const holders = new HolderNames();
  for (const { agent, obstacles } of findings) {
    holders.note(obstacles);
    for (const { reason } of obstacles) {
      const known = byReason.get(reason) ?? { agents: 0, samples: [] };
      known.agents += 1;
      if (known.samples.length < maxSamples) known.samples.push(agent.id);
      byReason.set(reason, known);
    }
  }
  const takenBy = holders.texts();
  return [...byReason]
    .map(([reason, known]) => {
      const tasks = takenBy.get(reason);
      return { reason, ...known, ...(tasks === undefined ? {} : { takenBy: tasks }) };
    })
    .sort((a, b) => b.agents - a.agents);
}
