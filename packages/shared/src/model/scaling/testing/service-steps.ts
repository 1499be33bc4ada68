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

/** What a test says of one look; what it leaves out is as it was before. */
export interface Step {
  readonly atSecs: number;
  /** The values of `x`, one for each task that was heard of. */
  readonly x?: readonly number[];
  readonly readings?: readonly Reading[];
  readonly running?: number;
  readonly settled?: number;
  readonly starting?: number;
  readonly isEnabled?: boolean;
}

/** A service whose decisions are carried out at once, looked at step by step. All that it wants runs, where a step does not say otherwise. */
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

  /** What is decided at the step. */
  look(step: Step): Proposal | undefined {
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

  /** How the policies stand since the last look. */
  get standings(): readonly string[] {
    return this.outlooks.map(({ standing }) => standing);
  }
}
