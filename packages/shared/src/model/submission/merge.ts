/*
 * Merges a job's descriptor over its cluster's template. The job's values win, field by field and map key
 * by map key; the rest comes from the template. An image, a list and a retry policy are taken as a unit,
 * since a mixture would match neither. The same holds for a job spec of another kind than the template's.
 */
import type {
  BatchJobSpec,
  Constraints,
  Container,
  JobDescriptor,
  MantisJobSLA,
  MantisJobSpec,
  ServiceJobSpec,
  TaskInstances,
} from '../../gen/netflix/titus/titus_job_api.js';

/** Returns the descriptor with unset fields from the template. Neither input changes. */
export function mergeDescriptor(template: JobDescriptor, own: JobDescriptor): JobDescriptor {
  return {
    owner: both(template.owner, own.owner, (base, over) => ({
      ownerEmail: over.ownerEmail || base.ownerEmail,
      teamEmail: over.teamEmail || base.teamEmail,
    })),
    appName: own.appName || template.appName,
    jobGroupInfo: both(template.jobGroupInfo, own.jobGroupInfo, (base, over) => ({
      stack: over.stack || base.stack,
      detail: over.detail || base.detail,
      sequence: over.sequence || base.sequence,
    })),
    labels: { ...template.labels, ...own.labels },
    containers: mergeMap(template.containers, own.containers, mergeContainer),
    jobSpec: mergeSpec(template.jobSpec, own.jobSpec),
  };
}

/** Returns the value that is present, or the merged value if both are. */
function both<T>(base: T | undefined, over: T | undefined, merge: (base: T, over: T) => T): T | undefined {
  if (base === undefined || over === undefined) return over ?? base;
  return merge(base, over);
}

function mergeMap<T>(
  base: Readonly<Record<string, T>>,
  over: Readonly<Record<string, T>>,
  merge: (base: T, over: T) => T,
): Record<string, T> {
  const merged = Object.entries(over).map(([key, value]): [string, T] => {
    const below = Object.hasOwn(base, key) ? base[key] : undefined;
    return [key, below === undefined ? value : merge(below, value)];
  });
  return { ...base, ...Object.fromEntries(merged) };
}

function mergeContainer(base: Container, over: Container): Container {
  return {
    resources: { ...base.resources, ...over.resources },
    securityProfile: { ...base.securityProfile, ...over.securityProfile },
    image: isSet(over.image) ? over.image : base.image,
    parameters: { ...base.parameters, ...over.parameters },
    entryPoint: over.entryPoint.length > 0 ? over.entryPoint : base.entryPoint,
    command: over.command.length > 0 ? over.command : base.command,
    env: { ...base.env, ...over.env },
    softConstraints: both(base.softConstraints, over.softConstraints, mergeConstraints),
    hardConstraints: both(base.hardConstraints, over.hardConstraints, mergeConstraints),
  };
}

function isSet(image: Container['image']): boolean {
  return image !== undefined && (image.name !== '' || image.imageId !== '');
}

function mergeConstraints(base: Constraints, over: Constraints): Constraints {
  return {
    constraints: { ...base.constraints, ...over.constraints },
    expression: over.expression || base.expression,
  };
}

type Spec = JobDescriptor['jobSpec'];

function mergeSpec(base: Spec, over: Spec): Spec {
  if (over?.$case === 'batch' && base?.$case === 'batch')
    return { $case: 'batch', value: mergeBatch(base.value, over.value) };
  if (over?.$case === 'service' && base?.$case === 'service')
    return { $case: 'service', value: mergeService(base.value, over.value) };
  if (over?.$case === 'mantis' && base?.$case === 'mantis')
    return { $case: 'mantis', value: mergeMantis(base.value, over.value) };
  return over ?? base;
}

function mergeBatch(base: BatchJobSpec, over: BatchJobSpec): BatchJobSpec {
  return {
    instances: both(base.instances, over.instances, mergeInstances),
    runtimeLimitSecs: over.runtimeLimitSecs || base.runtimeLimitSecs,
    retryPolicy: over.retryPolicy?.policy === undefined ? base.retryPolicy : over.retryPolicy,
    containerId: over.containerId || base.containerId,
  };
}

function mergeService(base: ServiceJobSpec, over: ServiceJobSpec): ServiceJobSpec {
  return {
    instances: both(base.instances, over.instances, mergeInstances),
    enabled: over.enabled ?? base.enabled,
    scalingPolices: over.scalingPolices.length > 0 ? over.scalingPolices : base.scalingPolices,
    retryPolicy: over.retryPolicy?.policy === undefined ? base.retryPolicy : over.retryPolicy,
    containerId: over.containerId || base.containerId,
  };
}

function mergeMantis(base: MantisJobSpec, over: MantisJobSpec): MantisJobSpec {
  return {
    name: over.name || base.name,
    jobSLA: both(base.jobSLA, over.jobSLA, mergeSla),
    parameters: { ...base.parameters, ...over.parameters },
    subscriptionTimeoutSecs: over.subscriptionTimeoutSecs ?? base.subscriptionTimeoutSecs,
    stages: over.stages.length > 0 ? over.stages : base.stages,
  };
}

function mergeSla(base: MantisJobSLA, over: MantisJobSLA): MantisJobSLA {
  return {
    runtimeLimitSecs: over.runtimeLimitSecs || base.runtimeLimitSecs,
    minRuntimeSecs: over.minRuntimeSecs || base.minRuntimeSecs,
    durationType: over.durationType || base.durationType,
    userProvidedType: over.userProvidedType || base.userProvidedType,
  };
}

function mergeInstances(base: TaskInstances, over: TaskInstances): TaskInstances {
  return {
    min: over.min ?? base.min,
    max: over.max ?? base.max,
    desired: over.desired ?? base.desired,
  };
}
