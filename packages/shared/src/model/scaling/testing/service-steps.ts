import { ScalingPolicy } from '../../../gen/netflix/titus/titus_job_api.js';
import { decideScaling } from '../decide.js';
import type { Reading } from '../evaluate.js';
import { type Policy, readPolicy } from '../policy.js';
import type { Holds, Outlook, Proposal, Situation } from '../situation.js';

/** A policy as it is submitted, read. */
export function aPolicy(condition: string, action = '', terms: Partial<ScalingPolicy> = {}): Policy {
  const read = readPolicy(ScalingPolicy.fromPartial({ condition, action, ...terms }));
  if ('violations' in read) throw new Error(JSON.stringify(read.violations));
  return read;
}

/** The input of one check. Fields that it omits stay unchanged. */
export interface ServiceStep {
  readonly atSecs: number;
  /** The values of `x`, one for each task that was heard of. */
  readonly x?: readonly number[];
  readonly readings?: readonly Reading[];
  readonly running?: number;
  readonly settled?: number;
  readonly starting?: number;
  readonly isEnabled?: boolean;
}

/**
 * A service that is checked step by step. Its decisions take effect at once. All wanted instances run
 * unless a step says otherwise.
 */
export class ServiceSteps {
  readonly #policies: readonly Policy[];
  #holds: Holds = new Map();
  instances: Situation['instances'];
  lastActionMs: number | undefined;
  outlooks: readonly Outlook[] = [];

  constructor(policies: readonly Policy[], instances: Situation['instances']) {
    this.#policies = policies;
    this.instances = instances;
  }

  /** Returns the decision at the step. */
  check(step: ServiceStep): Proposal | undefined {
    const { desired } = this.instances;
    const readings = step.readings ?? (step.x ?? []).map((x) => ({ x }));
    const outcome = decideScaling(
      this.#policies,
      {
        instances: this.instances,
        isEnabled: step.isEnabled ?? true,
        readings,
        running: step.running ?? desired,
        settled: step.settled ?? step.running ?? desired,
        starting: step.starting ?? 0,
        lastActionMs: this.lastActionMs,
        nowMs: step.atSecs * 1000,
        patienceMs: 20_000,
      },
      this.#holds,
    );
    this.#holds = outcome.holds;
    this.outlooks = outcome.outlooks;
    const { decision } = outcome;
    if (decision === undefined) return undefined;
    this.instances = { ...this.instances, desired: decision.to };
    this.lastActionMs = step.atSecs * 1000;
    this.#holds = new Map();
    return decision;
  }

  /** The standings of the policies since the last check. */
  get standings(): readonly string[] {
    return this.outlooks.map(({ standing }) => standing);
  }
}
