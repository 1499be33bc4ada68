import type { FitPolicy } from '@berth/shared/model/job/placement-preferences';
import type { Preemption } from '../index/victim-candidates.js';
import type { PreemptionRules } from '../preempt/preemption-rules.js';
import type { GroupShares } from '../queue/dominant-share.js';

/** A failure of a job on an agent counts against that agent for so long. */
export const recentFailureMs = 5 * 60_000;

/** An agent that has refused a task of a job gets no other one of it for so long. */
export const refusalMs = 60_000;

/** A task that found its agent. */
export interface Placement {
  readonly taskId: string;
  readonly agentId: string;
  /** Indices of the gpus that the task gets. */
  readonly gpus: readonly number[];
  /** Set if the task gets the capacity of others: its victims, and all tasks that it waits for. */
  readonly preemption?: Preemption;
}

/** A task that stays queued. */
export interface Unplaced {
  readonly taskId: string;
  readonly jobId: string;
  /**
   * Each reason with the number of agents it applies to. Tasks that are alike share one count in a plan.
   * Empty if the plan was not asked for reasons.
   */
  readonly reasons: ReadonlyMap<string, number>;
  /** The numbers behind some of the reasons, as text for people. */
  readonly details: ReadonlyMap<string, string>;
  /** The tasks in the way, as text for people, by reason. */
  readonly takenBy: ReadonlyMap<string, string>;
}

/** The latest time of an event in tasks of a job on an agent: by job, then by agent. */
export type TimesByJob = ReadonlyMap<string, ReadonlyMap<string, number>>;

export interface PlaceOptions {
  /** The policy of jobs that choose none. */
  readonly policy?: FitPolicy;
  /** Tasks that have ended, though the index has them still. */
  readonly ending?: readonly { readonly taskId: string; readonly agentId: string }[];
  /** Failures of a job on an agent since then count against that agent. */
  readonly failuresSinceMs?: number;
  /** An agent that has refused a task of a job since then gets no other one of it. */
  readonly refusalsSinceMs?: number;
  /** Failures and refusals that the index does not have yet. */
  readonly unseen?: { readonly failures: TimesByJob; readonly refusals: TimesByJob };
  /** The shares of capacity groups. Absent: groups make no difference. */
  readonly groups?: GroupShares;
  /** The tasks that may be stopped for critical ones. Absent: none. */
  readonly preemption?: PreemptionRules;
  /** True for tasks that the plan gives reasons for if they stay queued. Absent: for all. */
  readonly explains?: (taskId: string) => boolean;
}

/** True if the task stays queued. */
export function isUnplaced(result: Placement | Unplaced): result is Unplaced {
  return 'reasons' in result;
}

/** The reasons of an unplaced task as one sentence for people. */
export function explainUnplaced({
  reasons,
  takenBy,
  details,
}: Pick<Unplaced, 'reasons' | 'takenBy' | 'details'>): string {
  if (reasons.size === 0) return 'waiting: there is no live agent';
  const parts = [...reasons].map(([reason, count]) => {
    const [holders, detail] = [takenBy.get(reason), details.get(reason)];
    const by = holders === undefined ? '' : ` by ${holders}`;
    const on = `${reason} on ${count} agent${count === 1 ? '' : 's'}${by}`;
    return detail === undefined ? on : `${on} (${detail})`;
  });
  return `waiting: ${parts.join(', ')}`;
}
