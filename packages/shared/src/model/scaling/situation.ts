import type { Instances } from '../job/job.js';
import { maxInstances } from '../job/limits.js';
import type { Reading } from './evaluate.js';

/** The inputs of a decision, besides the policies and their holds. */
export interface Situation {
  readonly instances: Instances;
  /** False while a caller has switched the job's scaling off. */
  readonly isEnabled: boolean;
  /** The latest readings of the running tasks. Tasks without one are missing. */
  readonly readings: readonly Reading[];
  /** Tasks that run and are not told to stop. */
  readonly running: number;
  /**
   * Instances that have run, including those that are being replaced now. The others are ordered but have
   * had no effect yet.
   */
  readonly settled: number;
  /** Tasks that an agent is starting. */
  readonly starting: number;
  /** The time of the last change of the number of instances by a policy. */
  readonly lastActionMs: number | undefined;
  readonly nowMs: number;
  /** After a longer time without a check, a condition does not count as having held in between. */
  readonly patienceMs: number;
}

/** The time since a policy began to call for its action. */
export interface Hold {
  readonly sinceMs: number;
  /** The last check with that result. */
  readonly seenMs: number;
  /** Of a target: its direction, and the most instances that it has asked for in that direction. */
  readonly direction?: Direction;
  readonly most?: number;
}

/** By the policy's index among the job's policies. A policy that is missing does not hold. */
export type Holds = ReadonlyMap<number, Hold>;

export type Direction = 'out' | 'in';

/** A change of the number of instances, with the policy that called for it. */
export interface Proposal {
  readonly policy: string;
  readonly from: number;
  readonly to: number;
  readonly values: Readonly<Record<string, number>>;
}

/** The standing of a policy: its present effect, or the reason why it has none. */
export type ScalingStanding =
  /** The values that decide it are not known. */
  | 'unknown'
  | 'notMet'
  /** Met, but not for long enough yet. */
  | 'holding'
  /** Met for long enough; too soon after the last scaling. */
  | 'coolingDown'
  /** Met for long enough, but instances ordered earlier have to run first. */
  | 'waiting'
  /** Met for long enough; there are as many instances as it asks for. */
  | 'enough'
  /** Met for long enough; the instances are at their least or most. */
  | 'atBound'
  /** Another policy that is met says otherwise. */
  | 'outvoted'
  /** It scales now. */
  | 'acting'
  | 'disabled';

export interface Outlook {
  readonly policy: string;
  /** The action, as written. */
  readonly action: string;
  readonly standing: ScalingStanding;
  /** The same as a sentence for people. */
  readonly text: string;
  readonly values: Readonly<Record<string, number>>;
}

/** Nothing is measured of a job without instances, so that autoscaling leaves it one. */
const leastInstances = 1;

/**
 * Limits the number to the bounds of autoscaling. No job may want more than {@link maxInstances}, even if
 * its `max` is greater.
 */
export function withinBounds(count: number, { min, max }: Instances): number {
  const most = Math.min(max, maxInstances);
  return Math.min(Math.max(count, min, leastInstances), most);
}
