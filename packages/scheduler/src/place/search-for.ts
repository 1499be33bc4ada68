import type { EquivalenceClass } from '../equivalence/equivalence-class.js';
import type { AgentIndex } from '../index/agent-index.js';
import type { QueuedTask } from '../request/placement-request.js';
import { anywhere } from '../request/placement-spec.js';
import { JobSpread } from '../score/job-spread.js';
import type { Scorer } from '../score/scorer.js';
import type { PlaceOptions } from './place-options.js';

/** The search for the agent of one task. */
export interface TaskSearch {
  readonly index: AgentIndex;
  readonly request: EquivalenceClass;
  readonly scorer: Scorer;
  /** Set if the task keeps away from others of its job. */
  readonly spread?: JobSpread | undefined;
  /** Agents to avoid if others do as well. */
  readonly failedOn?: ReadonlySet<string> | undefined;
}

export function searchFor(
  task: QueuedTask,
  index: AgentIndex,
  { policy = 'binpack', failuresSinceMs, refusalsSinceMs, unseen }: PlaceOptions = {},
): TaskSearch {
  const { jobId, spec = anywhere } = task;
  const failedOn = since(failuresSinceMs, index.failures.of(jobId), unseen?.failures.get(jobId));
  const refusedBy = since(refusalsSinceMs, index.refusals.of(jobId), unseen?.refusals.get(jobId));
  const request = index.equivalenceClassOf(task, { dependsOnJob: failedOn !== undefined, refusedBy });
  const spread = spec.spreads ? spreadOf(task, index, refusedBy) : undefined;
  return { index, request, scorer: index.scorers[spec.policy ?? policy], spread, failedOn };
}

function spreadOf(
  task: QueuedTask,
  index: AgentIndex,
  refusedBy: ReadonlySet<string> | undefined,
): JobSpread | undefined {
  const placements = index.placementsOf(task.jobId);
  if (placements === undefined) return undefined;
  return new JobSpread(index.equivalenceClassOf(task, { dependsOnJob: true, refusedBy }), placements);
}

/** The agents with a time since then; undefined if there are none. */
function since(
  sinceMs: number | undefined,
  ...noted: readonly (ReadonlyMap<string, number> | undefined)[]
): ReadonlySet<string> | undefined {
  let recent: Set<string> | undefined;
  if (sinceMs === undefined) return undefined;
  for (const times of noted) {
    if (times === undefined) continue;
    for (const [agentId, atMs] of times) if (atMs >= sinceMs) recent = (recent ?? new Set()).add(agentId);
  }
  return recent;
}
