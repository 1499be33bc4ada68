import type { JobRecord, JobScalingRecord } from '@berth/shared/gen/berth/v1/store';
import type { JobDescriptor } from '@berth/shared/gen/netflix/titus/titus_job_api';
import type { CellView } from '@berth/shared/model/cell/cell-view';
import { instancesOf, isJobLive } from '@berth/shared/model/job/job';
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
  type Workforce,
  workforceOf,
} from '@berth/shared/model/scaling/scaled-job';
import type { Holds, Proposal } from '@berth/shared/model/scaling/situation';

/** The pace of scaling decisions. */
interface ScalingPace {
  /** The time between two checks of the conditions. */
  readonly everyMs: number;
}

/** A value counts, and a condition is known to have held, across this many checks. */
const checksOfPatience = 4;
/** Stages have one event in this many checks: one each 30 s with a check every 5 s. */
const checksPerStageEvent = 6;

/** The inputs of one check of one job. */
interface ScalingInput {
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

/** True if policies may change the job's instances now: it lives, and nobody has ordered its end. */
export function mayScale(cell: CellView, job: JobRecord): boolean {
  if (job.descriptor === undefined || !isScaled(job.descriptor) || job.kill !== undefined) return false;
  return isJobLive(cell.find('jobStatus', job.id)?.record);
}

/** The memory of one job between checks: since when its policies hold, and the samples of its stages. */
export class JobScaler {
  readonly #jobId: string;
  readonly #pace: ScalingPace;
  readonly #sets: readonly ScaledSet[];
  readonly #holds = new Map<number, Holds>();
  readonly #windows = new Map<number, StageWindows>();
  #nextStageEventMs: number;
  #undo: () => void = () => {};

  constructor(jobId: string, descriptor: JobDescriptor, pace: ScalingPace, nowMs: number) {
    this.#jobId = jobId;
    this.#pace = pace;
    this.#sets = scaledSets(descriptor);
    this.#nextStageEventMs = nowMs + checksPerStageEvent * pace.everyMs;
  }

  /** The names of the metrics that its policies read. */
  get metrics(): ReadonlySet<string> {
    return new Set(this.#sets.flatMap((set) => [...metricsOf(set)]));
  }

  /** Checks the job now. A decision takes effect with {@link committed}. */
  decide({ cell, window, nowMs }: ScalingInput): readonly SetDecision[] {
    const job = cell.find('job', this.#jobId)?.record;
    if (job?.descriptor === undefined) return [];
    this.#saveUndo();
    const isStageEvent = nowMs >= this.#nextStageEventMs;
    if (isStageEvent) this.#nextStageEventMs = nowMs + checksPerStageEvent * this.#pace.everyMs;
    const decisions: SetDecision[] = [];
    const runningIds: string[] = [];
    for (const set of this.#sets) {
      const workforce = workforceOf(cell, this.#jobId, set.stage);
      runningIds.push(...workforce.runningIds);
      const input = { job, descriptor: job.descriptor, workforce, check: { cell, window, nowMs } };
      const proposal =
        set.kind === 'service'
          ? this.#decideService(set, input)
          : isStageEvent
            ? this.#decideOneStage(set, input)
            : undefined;
      if (proposal !== undefined) decisions.push({ stage: set.stage, proposal });
    }
    window.retain(this.#jobId, runningIds);
    return decisions;
  }

  /** Takes back the last check: the job has changed since, and it is checked again. */
  undo(): void {
    this.#undo();
  }

  /**
   * The decision on the stage is committed. The samples from before it say nothing about the time after it.
   */
  committed(stage: number): void {
    this.#holds.delete(stage);
    this.#windows.delete(stage);
  }

  #saveUndo(): void {
    const [holds, windows, nextMs] = [[...this.#holds], [...this.#windows], this.#nextStageEventMs];
    this.#undo = () => {
      this.#holds.clear();
      this.#windows.clear();
      for (const [stage, each] of holds) this.#holds.set(stage, each);
      for (const [stage, each] of windows) this.#windows.set(stage, each);
      this.#nextStageEventMs = nextMs;
    };
  }

  #decideService(set: ServiceSet, { descriptor, workforce, check }: SetInput): Proposal | undefined {
    const patienceMs = checksOfPatience * this.#pace.everyMs;
    const situation = situationOf(descriptor, workforce, {
      readings: check.window.latest(this.#jobId, workforce.runningIds, check.nowMs - patienceMs),
      lastActionMs: lastDecisionMs(this.#record(check.cell), set.stage),
      nowMs: check.nowMs,
      patienceMs,
    });
    const outcome = decideScaling(set.policies, situation, this.#holds.get(set.stage));
    this.#holds.set(set.stage, outcome.holds);
    return outcome.decision;
  }

  #decideOneStage(set: StageSet, { job, descriptor, workforce, check }: SetInput): Proposal | undefined {
    const sinceMs = check.nowMs - checksOfPatience * this.#pace.everyMs;
    const situation = {
      instances: instancesOf(descriptor, set.stage),
      readings: check.window.meanOfTwo(this.#jobId, workforce.runningIds, sinceMs),
      lastScaledMs: lastScaledMs(job, this.#record(check.cell), set.stage),
      nowMs: check.nowMs,
    };
    const outcome = decideStage(set.policy, situation, this.#windows.get(set.stage));
    this.#windows.set(set.stage, outcome.windows);
    return outcome.decision;
  }

  #record(cell: CellView): JobScalingRecord | undefined {
    return cell.find('jobScaling', this.#jobId)?.record;
  }
}

interface SetInput {
  readonly job: JobRecord;
  readonly descriptor: JobDescriptor;
  readonly workforce: Workforce;
  readonly check: ScalingInput;
}
