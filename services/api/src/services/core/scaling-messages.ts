import {
  type PolicyOutlook as PolicyOutlookMessage,
  PolicyStanding,
  type ScaledInstances,
} from '@berth/shared/gen/berth/v1/scaling_service';
import type { JobRecord } from '@berth/shared/gen/berth/v1/store';
import type { CellView } from '@berth/shared/model/cell/cell-view';
import { instancesOf } from '@berth/shared/model/job/job';
import { decideScaling } from '@berth/shared/model/scaling/decide';
import { decideStage } from '@berth/shared/model/scaling/decide-stage';
import type { Reading } from '@berth/shared/model/scaling/evaluate';
import type { SampleWindow } from '@berth/shared/model/scaling/sample-window';
import {
  lastScaledMs,
  type ScaledSet,
  setByCallerMs,
  situationOf,
  workforceOf,
} from '@berth/shared/model/scaling/scaled-job';
import type { Outlook, ScalingStanding } from '@berth/shared/model/scaling/situation';

const standings: Readonly<Record<ScalingStanding, PolicyStanding>> = {
  disabled: PolicyStanding.DISABLED,
  unknown: PolicyStanding.UNKNOWN,
  notMet: PolicyStanding.NOT_MET,
  holding: PolicyStanding.HOLDING,
  coolingDown: PolicyStanding.COOLING_DOWN,
  waiting: PolicyStanding.WAITING,
  enough: PolicyStanding.ENOUGH,
  atBound: PolicyStanding.AT_BOUND,
  outvoted: PolicyStanding.OUTVOTED,
  acting: PolicyStanding.ACTING,
};

/** A gateway's knowledge of one job's use of resources at one time. */
interface UsageSnapshot {
  readonly cell: CellView;
  readonly window: SampleWindow;
  /** Everything in the window was received since then. */
  readonly sinceMs: number;
  readonly nowMs: number;
}

/**
 * Returns the state of the policies of one set of the job's instances. The functions are those that decide.
 */
export function scaledInstances(job: JobRecord, set: ScaledSet, snapshot: UsageSnapshot): ScaledInstances {
  const { cell, window, sinceMs } = snapshot;
  const { descriptor } = job;
  const workforce = workforceOf(cell, job.id, set.stage);
  const readings = window.latest(job.id, workforce.runningIds, sinceMs);
  const outlooks = descriptor === undefined ? [] : outlooksOf(job, set, { ...snapshot, readings });
  const setAtMs = setByCallerMs(job, set.stage);
  return {
    stage: set.stage,
    instances: descriptor && instancesOf(descriptor, set.stage),
    runningTasks: workforce.runningIds.length,
    heardTasks: readings.length,
    policies: outlooks.map(outlookMessage),
    ...(setAtMs === undefined ? {} : { setAtMs }),
  };
}

function outlooksOf(
  job: JobRecord,
  set: ScaledSet,
  { cell, nowMs, sinceMs, readings }: UsageSnapshot & { readonly readings: readonly Reading[] },
): readonly Outlook[] {
  const { descriptor } = job;
  if (descriptor === undefined) return [];
  const setAtMs = setByCallerMs(job, set.stage);
  const record = cell.find('jobScaling', job.id)?.record;
  const lastMs = lastScaledMs({ record, setAtMs: setAtMs && Math.min(setAtMs, nowMs), nowMs }, set.stage);
  if (set.kind === 'stage') {
    const instances = instancesOf(descriptor, set.stage);
    const situation = { instances, readings, lastScaledMs: lastMs ?? job.createdAtMs, nowMs };
    return decideStage(set.policy, situation).outlooks;
  }
  const situation = situationOf(descriptor, workforceOf(cell, job.id, set.stage), {
    readings,
    lastActionMs: lastMs,
    nowMs,
    patienceMs: nowMs - sinceMs,
  });
  return decideScaling(set.policies, situation).outlooks;
}

function outlookMessage({ policy, action, standing, text, values }: Outlook): PolicyOutlookMessage {
  return { condition: policy, action, standing: standings[standing], text, values: { ...values } };
}
