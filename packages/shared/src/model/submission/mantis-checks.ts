import {
  MantisJobSLA_DurationType as DurationType,
  type MantisJobSLA,
  type MantisJobSpec,
  type MantisStage,
} from '../../gen/netflix/titus/titus_job_api.js';
import * as limits from '../job/limits.js';
import { defaultSubscriptionTimeoutSecs } from '../job/mantis.js';
import { stagePolicyViolations } from '../scaling/stage-policy.js';
import { bytes, checkInstances, checkName, checkRetryPolicy, quote, type Refuse } from './checks.js';

/** Checks the spec of a Mantis job. Paths are relative to it. */
export function checkMantis(spec: MantisJobSpec, refuse: Refuse): void {
  if (spec.name === '') refuse(['name'], 'is required', 'leftOut');
  checkName(['name'], spec.name, refuse);
  if (spec.jobSLA === undefined)
    refuse(['jobSLA'], 'is required, though all of its fields may be left out', 'leftOut');
  else checkSla(spec.jobSLA, within(refuse, ['jobSLA']));
  checkParameters(spec.parameters, within(refuse, ['parameters']));
  checkTimeout(spec.subscriptionTimeoutSecs, refuse);
  const { stages } = spec;
  if (stages.length === 0) refuse(['stages'], 'is required: a Mantis job has at least one stage', 'leftOut');
  if (stages.length > limits.maxStages)
    refuse(['stages'], `has ${stages.length} stages; at most ${limits.maxStages} are allowed`);
  for (const [index, stage] of stages.entries()) checkStage(stage, within(refuse, ['stages', index]));
}

/** Each stage runs a container of the job, and each container belongs to a stage. */
export function checkStageContainers(
  { stages }: MantisJobSpec,
  containerIds: readonly string[],
  refuse: Refuse,
): void {
  for (const [index, { containerId }] of stages.entries()) {
    const path = ['mantis', 'stages', index, 'containerId'];
    if (containerId === '' && containerIds.length > 1)
      refuse(path, 'is required where there are several containers', 'leftOut');
    if (containerId !== '' && !containerIds.includes(containerId))
      refuse(path, `names ${quote(containerId)}, which is not among the containers`, 'leftOut');
  }
  if (
    stages.length === 0 ||
    (containerIds.length === 1 && stages.some(({ containerId }) => containerId === ''))
  )
    return;
  for (const id of containerIds) {
    if (!stages.some(({ containerId }) => containerId === id))
      refuse(['containers', id.slice(0, 40)], 'is used by no stage');
  }
}

function checkSla(sla: MantisJobSLA, refuse: Refuse): void {
  for (const field of ['runtimeLimitSecs', 'minRuntimeSecs'] as const) checkSecs(field, sla[field], refuse);
  const { runtimeLimitSecs, minRuntimeSecs, durationType, userProvidedType } = sla;
  if (runtimeLimitSecs > 0 && minRuntimeSecs > runtimeLimitSecs)
    refuse(['minRuntimeSecs'], `is ${minRuntimeSecs}, more than runtimeLimitSecs ${runtimeLimitSecs}`);
  if (!Object.values<number>(DurationType).includes(durationType))
    refuse(['durationType'], `is ${durationType}, but must be Perpetual or Transient`);
  checkName(['userProvidedType'], userProvidedType, refuse);
}

function checkParameters(parameters: Readonly<Record<string, string>>, refuse: Refuse): void {
  const total = Object.entries(parameters).reduce((sum, [key, value]) => sum + bytes(key) + bytes(value), 0);
  if (total > limits.maxParameterBytes)
    refuse([], `has ${total} bytes in all; at most ${limits.maxParameterBytes} are allowed`);
  if (Object.hasOwn(parameters, '')) refuse([''], 'has no name');
}

function checkTimeout(secs: number | undefined, refuse: Refuse): void {
  if (secs === 0)
    refuse(
      ['subscriptionTimeoutSecs'],
      `must be at least 1; left out it is ${defaultSubscriptionTimeoutSecs}`,
    );
  checkSecs('subscriptionTimeoutSecs', secs ?? 0, refuse);
}

function checkStage(stage: MantisStage, refuse: Refuse): void {
  checkInstances(stage.instances, refuse);
  checkRetryPolicy(stage.retryPolicy, refuse);
  const policy = stage.autoScalingPolicy;
  if (policy === undefined) return;
  for (const { field, description } of stagePolicyViolations(policy))
    refuse(['autoScalingPolicy', field], description);
}

function checkSecs(field: string, secs: number, refuse: Refuse): void {
  if (secs > limits.maxRuntimeLimitSecs)
    refuse([field], `is ${secs}, but at most ${limits.maxRuntimeLimitSecs} is allowed`);
}

function within(refuse: Refuse, path: readonly PropertyKey[]): Refuse {
  return (inner, description, leftOut) => refuse([...path, ...inner], description, leftOut);
}
