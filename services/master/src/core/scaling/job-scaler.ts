import type { JobRecord, JobScalingRecord } from '@berth/shared/gen/berth/v1/store';
import type { JobDescriptor } from '@berth/shared/gen/netflix/titus/titus_job_api';
import type { CellView } from '@berth/shared/model/cell/cell-view';
import type { Entity } from '@berth/shared/model/cell/entity';
import { instancesOf, isJobLive } from '@berth/shared/model/job/job';
import { withInstances } from '@berth/shared/model/job/stages';
import { decideScaling } from '@berth/shared/model/scaling/decide';
import { decideStage, type StageWindows } from '@berth/shared/model/scaling/decide-stage';
import type { SampleWindow } from '@berth/shared/model/scaling/sample-window';
import {
  isScaled,
  lastDecisionMs,
  lastScaledMs,
  metricsOf,
  type ScaledSet,
  scaledSets,
  situationOf,
  toDecision,
  type Workforce,
  withDecision,
  workforceOf,
} from '@berth/shared/model/scaling/scaled-job';
import type { Holds, Proposal } from '@berth/shared/model/scaling/situation';
import type { CommitRequest } from '@berth/store';

/** How often, and on what, scaling decides. */
export interface Pace {
  /** Conditions are looked at this often. */
  readonly everyMs: number;
}

/** A value counts, and a condition is known to have held, across this many looks. */
const looksOfPatience = 4;
/** Stages have one event in so many looks: each 30 s where one looks every 5 s. */
const looksPerStageEvent = 6;

/** What one look at one job is made of. */
export interface Look {
  readonly cell: CellView;
  readonly window: SampleWindow;
  readonly nowMs: number;
}

/** A decision on one set of the job's instances. */
export interface SetDecision {
  readonly stage: number;
  readonly proposal: Proposal;
}

type ServiceSet = Extract<ScaledSet, { readonly kind: 'service' }>;
type StageSet = Extract<ScaledSet, { readonly kind: 'stage' }>;

/** Whether the job's instances may be changed by policies now: it lives, and nobody wants it to end. */
export function mayScale(cell: CellView, job: JobRecord): boolean {
  if (job.descriptor === undefined || !isScaled(job.descriptor) || job.kill !== undefined) return false;
  return isJobLive(cell.find('jobStatus', job.id)?.record);
}

/** What is remembered of one job between looks: how long its policies have held, and the samples of its stages. */
export class JobScaler {
  readonly #jobId: string;
  readonly #pace: Pace;
  readonly #sets: readonly ScaledSet[];
  readonly #holds = new Map<number, Holds>();
  readonly #windows = new Map<number, StageWindows>();
  #nextStageEventMs: number;
  #undo: () => void = () => {};

  constructor(jobId: string, descriptor: JobDescriptor, pace: Pace, nowMs: number) {
    this.#jobId = jobId;
    this.#pace = pace;
    this.#sets = scaledSets(descriptor);
    this.#nextStageEventMs = nowMs + looksPerStageEvent * pace.everyMs;
  }

  /** The metrics that decide. */
  get metrics(): ReadonlySet<string> {
    return new Set(this.#sets.flatMap((set) => [...metricsOf(set)]));
  }

  /** Looks at the job now. What it decides takes effect with {@link carriedOut}. */
  look({ cell, window, nowMs }: Look): readonly SetDecision[] {
    const job = cell.find('job', this.#jobId)?.record;
    if (job?.descriptor === undefined) return [];
    this.#remember();
    const isStageEvent = nowMs >= this.#nextStageEventMs;
    if (isStageEvent) this.#nextStageEventMs = nowMs + looksPerStageEvent * this.#pace.everyMs;
    const decisions: SetDecision[] = [];
    const runningIds: string[] = [];
    for (const set of this.#sets) {
      const workforce = workforceOf(cell, this.#jobId, set.stage);
      runningIds.push(...workforce.runningIds);
      const ground = { job, descriptor: job.descriptor, workforce, look: { cell, window, nowMs } };
      const proposal =
        set.kind === 'service'
          ? this.#lookAtService(set, ground)
          : isStageEvent
            ? this.#lookAtStage(set, ground)
            : undefined;
      if (proposal !== undefined) decisions.push({ stage: set.stage, proposal });
    }
    window.retain(this.#jobId, runningIds);
    return decisions;
  }

  /** Takes back the last look: its decision was made on what is no longer so, and all is to be looked at again. */
  undo(): void {
    this.#undo();
  }

  /** The decision on the stage is committed: what was seen before it says nothing about what follows. */
  carriedOut(stage: number): void {
    this.#holds.delete(stage);
    this.#windows.delete(stage);
  }

  #remember(): void {
    const [holds, windows, nextMs] = [[...this.#holds], [...this.#windows], this.#nextStageEventMs];
    this.#undo = () => {
      this.#holds.clear();
      this.#windows.clear();
      for (const [stage, each] of holds) this.#holds.set(stage, each);
      for (const [stage, each] of windows) this.#windows.set(stage, each);
      this.#nextStageEventMs = nextMs;
    };
  }

  #lookAtService(set: ServiceSet, { descriptor, workforce, look }: Ground): Proposal | undefined {
    const patienceMs = looksOfPatience * this.#pace.everyMs;
    const situation = situationOf(descriptor, workforce, {
      readings: look.window.latest(this.#jobId, workforce.runningIds, look.nowMs - patienceMs),
      lastActionMs: lastDecisionMs(this.#record(look.cell), set.stage),
      nowMs: look.nowMs,
      patienceMs,
    });
    const outcome = decideScaling(set.policies, situation, this.#holds.get(set.stage));
    this.#holds.set(set.stage, outcome.holds);
    return outcome.decision;
  }

  #lookAtStage(set: StageSet, { job, descriptor, workforce, look }: Ground): Proposal | undefined {
    const sinceMs = look.nowMs - looksOfPatience * this.#pace.everyMs;
    const situation = {
      instances: instancesOf(descriptor, set.stage),
      readings: look.window.meanOfTwo(this.#jobId, workforce.runningIds, sinceMs),
      lastScaledMs: lastScaledMs(job, this.#record(look.cell), set.stage),
      nowMs: look.nowMs,
    };
    const outcome = decideStage(set.policy, situation, this.#windows.get(set.stage));
    this.#windows.set(set.stage, outcome.windows);
    return outcome.decision;
  }

  #record(cell: CellView): JobScalingRecord | undefined {
    return cell.find('jobScaling', this.#jobId)?.record;
  }
}

interface Ground {
  readonly job: JobRecord;
  readonly descriptor: JobDescriptor;
  readonly workforce: Workforce;
  readonly look: Look;
}

/**
 * The decisions as one commit: the instances and the record of why, against the job as it was seen, alive. Where somebody
 * else was faster, all is to be looked at anew.
 */
export function scalingCommit(
  cell: CellView,
  job: Entity<'job'>,
  decisions: readonly SetDecision[],
  nowMs: number,
): Omit<CommitRequest, 'actor'> {
  const { id, record, revision } = job;
  const status = cell.find('jobStatus', id);
  const scaling = cell.find('jobScaling', id);
  let [descriptor, history] = [record.descriptor, scaling?.record];
  for (const { stage, proposal } of decisions) {
    if (descriptor === undefined) break;
    const instances = { ...instancesOf(descriptor, stage), desired: proposal.to };
    descriptor = withInstances(descriptor, stage, instances);
    history = withDecision(id, history, toDecision(proposal, stage, nowMs));
  }
  return {
    writes: [
      { kind: 'job', id, record: { ...record, descriptor }, expectedRevision: revision },
      ...(history === undefined
        ? []
        : [{ kind: 'jobScaling', id, record: history, expectedRevision: scaling?.revision ?? 0 } as const]),
    ],
    expects: [{ kind: 'jobStatus', id, revision: status?.revision ?? 0 }],
  };
}
