import { z } from 'zod';
import type {
  BatchJobSpec,
  Container,
  JobDescriptor,
  MantisJobSpec,
  ServiceJobSpec,
} from '../../gen/netflix/titus/titus_job_api.js';
import { parameterProblems } from '../job/container-network.js';
import { variableNameProblem, variableValueProblem } from '../job/environment.js';
import * as limits from '../job/limits.js';
import { parseSecurityProfile } from '../job/security-profile.js';
import { resourceProblems } from '../resources/resources.js';
import { bytes, checkInstances, checkName, checkRetryPolicy, quote, type Refuse } from './checks.js';
import { isImageId, parseImageRef } from './image-ref.js';
import { checkMantis, checkStageContainers } from './mantis-checks.js';
import { checkPolicies, checkPublishers } from './scaling-checks.js';

export { checkInstances } from './checks.js';

/**
 * A descriptor with its job spec under the contract's field name, so that paths of violations match the
 * caller's fields.
 */
export type DescriptorFields = Omit<JobDescriptor, 'jobSpec'> & {
  readonly batch?: BatchJobSpec;
  readonly service?: ServiceJobSpec;
  readonly mantis?: MantisJobSpec;
};

/**
 * Returns a schema of a value whose types Protobuf guarantees already: only `check` decides. Checks never
 * abort one another, so that a caller learns of all faults at once.
 */
function checked<T>(check: (value: T, refuse: Refuse) => void) {
  return z.custom<T>().superRefine((value, context) => check(value, refuseIn(context)));
}

function refuseIn(context: z.RefinementCtx): Refuse {
  return (path, message, leftOut) =>
    context.addIssue({ code: 'custom', path: [...path], message, params: { leftOut } });
}

/** True if the issue is only a missing value. */
export function isLeftOut(issue: z.core.$ZodIssue): boolean {
  return issue.code === 'custom' && issue.params?.leftOut === 'leftOut';
}

const ownerSchema = checked<JobDescriptor['owner']>((owner, refuse) => {
  for (const field of ['ownerEmail', 'teamEmail'] as const) {
    const email = owner?.[field] ?? '';
    if (email !== '' && !isEmail(email)) refuse([field], `${quote(email)} is not an e-mail address`);
  }
});

const groupSchema = checked<JobDescriptor['jobGroupInfo']>((group, refuse) => {
  if (group === undefined) return;
  if (group.stack === '') refuse(['stack'], 'is required in a jobGroupInfo', 'leftOut');
  for (const field of ['stack', 'detail', 'sequence'] as const) checkName([field], group[field], refuse);
});

const labelsSchema = checked<Record<string, string>>((labels, refuse) => {
  const entries = Object.entries(labels);
  if (entries.length > limits.maxLabels)
    refuse([], `has ${entries.length} labels; at most ${limits.maxLabels} are allowed`);
  for (const [key, value] of entries) {
    if (key === '') refuse([key], 'has no name');
    if (/^titus/i.test(key)) refuse([key], 'names that begin with "titus" are reserved');
    if (bytes(key) > limits.maxKeyBytes)
      refuse([key.slice(0, 40)], `name is longer than ${limits.maxKeyBytes} bytes`);
    if (bytes(value) > limits.maxLabelValueBytes)
      refuse([key.slice(0, 40)], `is longer than ${limits.maxLabelValueBytes} bytes`);
  }
});

const imageSchema = checked<Container['image']>((image, refuse) => {
  const { name = '', imageId = '' } = image ?? {};
  if (name === '' && imageId === '')
    refuse([], 'is required: set name, such as "busybox:1.36", or imageId', 'leftOut');
  if (name !== '' && parseImageRef(name) === undefined)
    refuse(['name'], `${quote(name)} is not an image name`);
  if (imageId !== '' && !isImageId(imageId))
    refuse(['imageId'], `${quote(imageId)} is not a digest such as "sha256:…"`);
});

const envSchema = checked<Record<string, string>>((env, refuse) => {
  const entries = Object.entries(env);
  const total = entries.reduce((sum, [key, value]) => sum + bytes(key) + bytes(value) + 2, 0);
  if (total > limits.maxEnvBytes)
    refuse([], `has ${total} bytes in all; at most ${limits.maxEnvBytes} are allowed`);
  for (const [key, value] of entries) {
    for (const problem of [variableNameProblem(key), variableValueProblem(value)])
      if (problem !== undefined) refuse([key.slice(0, 40)], problem);
  }
});

const parametersSchema = checked<Record<string, string>>((parameters, refuse) => {
  const entries = Object.entries(parameters);
  const total = entries.reduce((sum, [key, value]) => sum + bytes(key) + bytes(value), 0);
  if (total > limits.maxParameterBytes)
    refuse([], `has ${total} bytes in all; at most ${limits.maxParameterBytes} are allowed`);
  for (const [key] of entries) {
    if (key === '') refuse([key], 'has no name');
    if (/^titus\./i.test(key)) refuse([key.slice(0, 40)], 'names that begin with "titus." are reserved');
  }
});

const resourcesSchema = checked<Record<string, string>>((resources, refuse) => {
  for (const { field, description } of resourceProblems(resources)) refuse([field], description);
});

/**
 * Constraints are checked outside the schema, since the names that they may use depend on the present
 * agents.
 */
const constraintsSchema = z.custom<Container['hardConstraints']>();

const securityProfileSchema = checked<Record<string, string>>((map, refuse) => {
  const parsed = parseSecurityProfile(map, '');
  if (!('violations' in parsed)) return;
  // The map's name is empty here. So each field is a dot and the name of a part, or nothing for the
  // complete map.
  for (const { field, description } of parsed.violations)
    refuse(field === '' ? [] : [field.slice(1)], description);
});

const containerSchema = z
  .object({
    resources: resourcesSchema,
    securityProfile: securityProfileSchema,
    image: imageSchema,
    parameters: parametersSchema,
    entryPoint: z.array(z.string()),
    command: z.array(z.string()),
    env: envSchema,
    softConstraints: constraintsSchema,
    hardConstraints: constraintsSchema,
  })
  .superRefine((container, context) => {
    const refuse = refuseIn(context);
    checkArguments(container, refuse);
    checkParameters(container, refuse);
  });

const containersSchema = z.record(z.string(), containerSchema).superRefine((containers, context) => {
  const refuse = refuseIn(context);
  const ids = Object.keys(containers);
  if (ids.length === 0) refuse([], 'is required: name one container', 'leftOut');
  for (const id of ids) {
    if (!/^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/.test(id)) {
      refuse(
        [id.slice(0, 40)],
        'id must be 1 to 64 letters, digits, _ . and -, beginning with a letter or digit',
      );
    }
  }
});

const batchSchema = checked<BatchJobSpec>((batch, refuse) => {
  checkInstances(batch.instances, refuse);
  if ((batch.instances?.desired ?? 1) < 1)
    refuse(['instances', 'desired'], 'must be at least 1 for a batch job');
  checkRetryPolicy(batch.retryPolicy, refuse);
  if (batch.runtimeLimitSecs > limits.maxRuntimeLimitSecs) {
    refuse(
      ['runtimeLimitSecs'],
      `is ${batch.runtimeLimitSecs}, but at most ${limits.maxRuntimeLimitSecs} is allowed`,
    );
  }
});

const serviceSchema = checked<ServiceJobSpec>((service, refuse) => {
  checkInstances(service.instances, refuse);
  checkRetryPolicy(service.retryPolicy, refuse);
  checkPolicies(service.scalingPolices, refuse);
});

const mantisSchema = checked<MantisJobSpec>(checkMantis);

/** The rules for a job descriptor, except those that depend on the caller. */
export const descriptorSchema = z
  .object({
    owner: ownerSchema,
    appName: checked<string>((name, refuse) => checkName([], name, refuse)),
    jobGroupInfo: groupSchema,
    labels: labelsSchema,
    containers: containersSchema,
    batch: batchSchema.optional(),
    service: serviceSchema.optional(),
    mantis: mantisSchema.optional(),
  })
  .superRefine((descriptor, context) => {
    const refuse = refuseIn(context);
    checkContainerReference(descriptor, refuse);
    checkPublishers(descriptor, descriptor.containers, refuse);
  });

type SpecFields = Pick<z.output<typeof descriptorSchema>, 'batch' | 'service' | 'mantis' | 'containers'>;

/**
 * Checks that batch and service jobs run exactly one container, which the spec may name, and a Mantis job
 * those of its stages.
 */
function checkContainerReference(descriptor: SpecFields, refuse: Refuse): void {
  if (descriptor.mantis !== undefined)
    return checkStageContainers(descriptor.mantis, Object.keys(descriptor.containers), refuse);
  const spec = descriptor.batch ?? descriptor.service;
  const kind = descriptor.batch === undefined ? 'service' : 'batch';
  if (spec === undefined) return refuse(['jobSpec'], 'is required: set batch, service or mantis', 'leftOut');
  const ids = Object.keys(descriptor.containers);
  if (ids.length > 1)
    refuse(['containers'], `has ${ids.length} containers, but a ${kind} job has exactly one`);
  if (spec.containerId !== '' && !ids.includes(spec.containerId)) {
    const description = `names ${quote(spec.containerId)}, which is not among the containers`;
    refuse([kind, 'containerId'], description, 'leftOut');
  }
}

/** Checks the parameters that Berth knows. Their valid values depend on the rest of the container. */
function checkParameters(container: Pick<Container, 'parameters' | 'resources'>, refuse: Refuse): void {
  for (const { name, description } of parameterProblems(container)) refuse(['parameters', name], description);
}

type Arguments = Pick<Container, 'entryPoint' | 'command'>;

function checkArguments({ entryPoint, command }: Arguments, refuse: Refuse): void {
  const total = [...entryPoint, ...command].reduce((sum, argument) => sum + bytes(argument) + 1, 0);
  const field = entryPoint.length > 0 ? 'entryPoint' : 'command';
  if (total > limits.maxArgumentBytes) {
    refuse(
      [field],
      `entryPoint and command have ${total} bytes in all; at most ${limits.maxArgumentBytes} are allowed`,
    );
  }
  if (entryPoint[0] === '') refuse(['entryPoint'], 'names no program: its first element is empty');
  for (const name of ['entryPoint', 'command'] as const) {
    const list = name === 'entryPoint' ? entryPoint : command;
    if (list.some((argument) => argument.includes('\0'))) refuse([name], 'must not contain NUL');
  }
}

/**
 * True if the text has an @ with text on both sides. Berth does not check that the address receives mail.
 */
export function isEmail(text: string): boolean {
  return text.length <= 254 && /^[^\s@]+@[^\s@]+$/.test(text);
}
