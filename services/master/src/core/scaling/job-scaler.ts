import type { JobRecord } from '@berth/shared/gen/berth/v1/store';
import type { JobDescriptor } from '@berth/shared/gen/netflix/titus/titus_job_api';
import type { CellView } from '@berth/shared/model/cell/cell-view';
import { instancesOf, isJobLive } from '@berth/shared/model/job/job';
import { decideScaling } from '@berth/shared/model/scaling/decide';
import { decideStage, type StageWindows } from '@berth/shared/model/scaling/decide-stage';
import type { SampleWindow } from '@berth/shared/model/scaling/sample-window';
import {
  isScaled,
  lastScaledMs,
  metricsOf,
  type ScaledSet,
  scaledSets,
  setByCallerMs,
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

/** The last change of a stage's instances by a caller. */
interface CallersChange {
  /** The time by the clock of the gateway, which may be wrong. */
  readonly atMs: number;
  /** The time of the first check that saw it. */
  readonly seenMs: number;
}

type ServiceSet = Extract<ScaledSet, { readonly kind: 'service' }>;
type StageSet = Extract<ScaledSet, { readonly kind: 'stage' }>;

/** True if policies may change the job's instances now: it lives, and nobody has ordered its end. */
export function mayScale(cell: CellView, job: JobRecord): boolean {
  if (job.descriptor === undefined || !isScaled(job.descriptor) || job.kill !== undefined) return false;
  return isJobLive(cell.find('jobStatus', job.id)?.record);
}

/**
 * The memory of one job between checks: since when its policies hold, the samples of its stages, and the last
 * changes by callers.
 */
export class JobScaler {
  readonly #jobId: string;
  readonly #pace: ScalingPace;
  readonly #sets: readonly ScaledSet[];
  readonly #holds = new Map<number, Holds>();
  readonly #windows = new Map<number, StageWindows>();
  readonly #set = new Map<number, CallersChange>();
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
    if (this.#sets.filter((set) => this.#noteCaller(job, set.stage, nowMs)).length > 0)
      window.retain(this.#jobId, []);
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

  /**
   * Notes a change of the stage's instances by a caller, and forgets earlier holds and samples. Returns
   * true if there is a new one.
   */
  #noteCaller(job: JobRecord, stage: number, nowMs: number): boolean {
    const atMs = setByCallerMs(job, stage);
    if (atMs === undefined || atMs === this.#set.get(stage)?.atMs) return false;
    this.#set.set(stage, { atMs, seenMs: nowMs });
    this.committed(stage);
    return true;
  }

  #saveUndo(): void {
    const restore = [saved(this.#holds), saved(this.#windows), saved(this.#set)];
    const nextMs = this.#nextStageEventMs;
    this.#undo = () => {
      for (const each of restore) each();
      this.#nextStageEventMs = nextMs;
    };
  }

  #lastScaledMs({ cell, nowMs }: ScalingInput, stage: number): number | undefined {
    const record = cell.find('jobScaling', this.#jobId)?.record;
    const set = this.#set.get(stage);
    // A gateway with a fast clock must not prolong the cool-down.
    return lastScaledMs({ record, setAtMs: set && Math.min(set.atMs, set.seenMs), nowMs }, stage);
  }

  #decideService(set: ServiceSet, { descriptor, workforce, check }: SetInput): Proposal | undefined {
    const patienceMs = checksOfPatience * this.#pace.everyMs;
    const situation = situationOf(descriptor, workforce, {
      readings: check.window.latest(this.#jobId, workforce.runningIds, check.nowMs - patienceMs),
      lastActionMs: this.#lastScaledMs(check, set.stage),
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
      lastScaledMs: this.#lastScaledMs(check, set.stage) ?? job.createdAtMs,
      nowMs: check.nowMs,
    };
    const outcome = decideStage(set.policy, situation, this.#windows.get(set.stage));
    this.#windows.set(set.stage, outcome.windows);
    return outcome.decision;
  }
}

/** Returns a function that gives the map its present entries back. */
function saved<K, V>(map: Map<K, V>): () => void {
  const entries = [...map];
  return () => {
    map.clear();
    for (const [key, value] of entries) map.set(key, value);
  };
}

interface SetInput {
  readonly job: JobRecord;
  readonly descriptor: JobDescriptor;
  readonly workforce: Workforce;
  readonly check: ScalingInput;
}
