import type { Instances } from '../job/job.js';
import { maxInstances } from '../job/limits.js';
import type { Reading } from './evaluate.js';

/** All that a decision looks at, besides the policies and how long they have held. */
export interface Situation {
  readonly instances: Instances;
  /** False while a caller has switched the job's scaling off. */
  readonly isEnabled: boolean;
  /** What the running tasks told lately; those that nothing was heard of are missing. */
  readonly readings: readonly Reading[];
  /** Tasks that run and are not told to stop. */
  readonly running: number;
  /** Instances that have run, be it that they are being replaced now: the others have been ordered and had no effect yet. */
  readonly settled: number;
  /** Tasks that an agent is starting. */
  readonly starting: number;
  /** When policies last changed the number of instances. */
  readonly lastActionMs: number | undefined;
  readonly nowMs: number;
  /** What was not looked at for longer than this is not known to have held in between. */
  readonly patienceMs: number;
}

/** How long a policy has been calling for its action. */
export interface Hold {
  readonly sinceMs: number;
  /** When it was last seen to do so. */
  readonly seenMs: number;
  /** Of a target: which way, and the most instances that it asked for on the way. */
  readonly direction?: Direction;
  readonly most?: number;
}

/** By the policy's place among the job's. What is not there does not hold. */
export type Holds = ReadonlyMap<number, Hold>;

export type Direction = 'out' | 'in';

/** A change of the number of instances, with what called for it. */
export interface Proposal {
  readonly policy: string;
  readonly from: number;
  readonly to: number;
  readonly values: Readonly<Record<string, number>>;
}

/** How a policy stands now. */
export type Standing =
  /** The values that decide it are not known. */
  | 'unknown'
  | 'notMet'
  /** Met, but not for long enough yet. */
  | 'holding'
  /** Met for long enough; too soon after the last scaling. */
  | 'coolingDown'
  /** Met for long enough; what was ordered before has to run first. */
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
  /** What it would do, as written. */
  readonly action: string;
  readonly standing: Standing;
  /** The same as a sentence for people. */
  readonly text: string;
  readonly values: Readonly<Record<string, number>>;
}

/** Nothing is measured of a job without instances, so that autoscaling leaves it one. */
const leastInstances = 1;

/** The number within what autoscaling may do; no job may want more than {@link maxInstances}, whatever its `max` says. */
export function withinBounds(count: number, { min, max }: Instances): number {
  const most = Math.min(max, maxInstances);
  return Math.min(Math.max(count, min, leastInstances), most);
}
