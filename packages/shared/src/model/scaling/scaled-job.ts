import type { JobRecord, JobScalingRecord, ScalingDecision, TaskRecord } from '../../gen/berth/v1/store.js';
import type { JobDescriptor, ScalingPolicy } from '../../gen/netflix/titus/titus_job_api.js';
import type { CellView } from '../cell/cell-view.js';
import { isAhead } from '../cell/leader-time.js';
import { instancesOf } from '../job/job.js';
import { noStage } from '../job/stages.js';
import { isTaskLive, State, taskReasonCode, taskState } from '../task/task-state.js';
import { type Policy, policyMetrics, readPolicy } from './policy.js';
import type { Proposal, Situation } from './situation.js';
import { readStagePolicy, type StagePolicy } from './stage-policy.js';

/**
 * A group of instances that scales together: those of a service by its policies, or of one stage by its
 * strategies.
 */
export type ScaledSet =
  | { readonly kind: 'service'; readonly stage: number; readonly policies: readonly Policy[] }
  | { readonly kind: 'stage'; readonly stage: number; readonly policy: StagePolicy };

/** True if the tasks of the stage are sampled ({@link noStage} in a service). */
export function isSampled({ jobSpec }: JobDescriptor, stage: number): boolean {
  if (jobSpec?.$case === 'service') return jobSpec.value.scalingPolices.length > 0;
  if (jobSpec?.$case !== 'mantis') return false;
  const strategies = jobSpec.value.stages[stage - 1]?.autoScalingPolicy?.strategies;
  return strategies !== undefined && Object.keys(strategies).length > 0;
}

/** True if policies may change the instances of any part of the job. The check is cheap. */
export function isScaled(descriptor: JobDescriptor): boolean {
  const { jobSpec } = descriptor;
  if (jobSpec?.$case === 'mantis')
    return jobSpec.value.stages.some((_, index) => isSampled(descriptor, index + 1));
  return isSampled(descriptor, noStage);
}

/**
 * Returns every part of the job that scales, with its parsed policies. Invalid policies, which no gateway
 * stores, are left out.
 */
export function scaledSets({ jobSpec }: JobDescriptor): readonly ScaledSet[] {
  if (jobSpec?.$case === 'service') {
    const read = jobSpec.value.scalingPolices.map(readPolicy);
    const policies = read.filter((policy): policy is Policy => !('violations' in policy));
    return policies.length === 0 ? [] : [{ kind: 'service', stage: noStage, policies }];
  }
  if (jobSpec?.$case !== 'mantis') return [];
  return jobSpec.value.stages.flatMap(({ autoScalingPolicy }, index): ScaledSet[] => {
    const policy = readStagePolicy(autoScalingPolicy);
    return policy === undefined ? [] : [{ kind: 'stage', stage: index + 1, policy }];
  });
}

/** True if no caller has switched the job's scaling off. Only services have the switch. */
export function isScalingEnabled({ jobSpec }: JobDescriptor): boolean {
  return jobSpec?.$case !== 'service' || (jobSpec.value.enabled ?? true);
}

/** The metrics that the set's policies look at. */
export function metricsOf(set: ScaledSet): ReadonlySet<string> {
  if (set.kind === 'stage') return new Set(set.policy.strategies.map(({ metric }) => metric));
  return new Set(set.policies.flatMap(policyMetrics));
}

/** Returns the metrics in the condition of a policy; none if the condition cannot be parsed. */
export function conditionMetrics(policy: ScalingPolicy): readonly string[] {
  const read = readPolicy(policy);
  return 'violations' in read ? [] : policyMetrics(read);
}

/** The tasks of a stage, as scaling sees them. */
export interface Workforce {
  /** Ids of the tasks that run and are to stay. */
  readonly runningIds: readonly string[];
  readonly settled: number;
  readonly starting: number;
}

/** See {@link Situation}. */
export function workforceOf(cell: CellView, jobId: string, stage: number): Workforce {
  const runningIds: string[] = [];
  let [settled, starting] = [0, 0];
  for (const { id, record } of cell.tasksOf(jobId)) {
    if (record.stage !== stage || record.replaced || isLeaving(record)) continue;
    const state = taskState(record);
    if (state === State.RUNNING || isReplacement(record) || !isTaskLive(record)) settled += 1;
    if (state === State.RUNNING && record.stop === undefined) runningIds.push(id);
    if (state === State.DISPATCHED || state === State.STARTING) starting += 1;
  }
  return { runningIds, settled, starting };
}

function isLeaving(task: TaskRecord): boolean {
  return task.stop?.code === 'scaledDown' || taskReasonCode(task) === 'scaledDown';
}

function isReplacement({ task }: TaskRecord): boolean {
  return task?.taskContext['task.resubmitOf'] !== undefined;
}

/** The inputs of a decision besides the job and its tasks. */
interface ScalingInputs {
  readonly readings: Situation['readings'];
  readonly lastActionMs: number | undefined;
  readonly nowMs: number;
  readonly patienceMs: number;
}

/** The situation of a service. */
export function situationOf(
  descriptor: JobDescriptor,
  workforce: Workforce,
  inputs: ScalingInputs,
): Situation {
  const { runningIds, settled, starting } = workforce;
  return {
    instances: instancesOf(descriptor),
    isEnabled: isScalingEnabled(descriptor),
    running: runningIds.length,
    settled,
    starting,
    ...inputs,
  };
}

/** The newest decisions that a job keeps; of each stage at least the last one. */
export const maxDecisions = 20;

/** Returns the time of the last change of the stage's instances by a caller. */
export function setByCallerMs(job: Pick<JobRecord, 'instancesSetAtMs'>, stage: number): number | undefined {
  return job.instancesSetAtMs[stage];
}

/** The changes of one stage's instances by its policies and by callers. */
interface PastChanges {
  readonly record: JobScalingRecord | undefined;
  /** See {@link setByCallerMs}. */
  readonly setAtMs: number | undefined;
  /** Absent: decisions of a clock that ran ahead are not left out. */
  readonly nowMs?: number;
}

/**
 * Returns the time of the last scaling of the stage, which is the beginning of its cool-down. A change by a
 * caller counts like one by a policy: the caller knows of a need that no metric shows yet. A decision of a
 * clock that ran ahead binds nobody.
 */
export function lastScaledMs(
  { record, setAtMs, nowMs = Number.POSITIVE_INFINITY }: PastChanges,
  stage: number,
): number | undefined {
  const isBinding = (each: ScalingDecision) => each.stage === stage && !isAhead(each.atMs, nowMs);
  const decidedAtMs = record?.decisions.findLast(isBinding)?.atMs;
  if (decidedAtMs === undefined || setAtMs === undefined) return decidedAtMs ?? setAtMs;
  return Math.max(decidedAtMs, setAtMs);
}

/** The record with one more decision. */
export function withDecision(
  jobId: string,
  record: JobScalingRecord | undefined,
  decision: ScalingDecision,
): JobScalingRecord {
  const all = [...(record?.decisions ?? []), decision];
  const surplus = all.length - maxDecisions;
  const isLast = (each: ScalingDecision, place: number) =>
    all.findLastIndex(({ stage }) => stage === each.stage) === place;
  return { jobId, decisions: all.filter((each, place) => place >= surplus || isLast(each, place)) };
}

/** The decision as it is stored. */
export function toDecision(proposal: Proposal, stage: number, atMs: number): ScalingDecision {
  return { ...proposal, atMs, stage, values: { ...proposal.values } };
}
