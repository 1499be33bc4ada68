import type { Assignment } from '@berth/shared/gen/berth/v1/store';
import type { Container, Image } from '@berth/shared/gen/netflix/titus/titus_job_api';
import {
  type NetworkMode,
  networkOf,
  parameterProblems,
  requestedNetwork,
} from '@berth/shared/model/job/container-network';
import { parseSecurityProfile, type SecurityProfile } from '@berth/shared/model/job/security-profile';
import type { PublishedPort } from '@berth/shared/model/resources/ports';
import { containerPorts } from '@berth/shared/model/resources/resources';
import { type HostPolicy, policyViolations } from './host-policy.js';
import { labelNames } from './labels.js';
import { resultsPath } from './results.js';

/** The settings of one container for its engine. */
export interface ContainerSpec {
  /** The task's id. */
  readonly name: string;
  readonly image: string;
  /** Empty: the image's own. */
  readonly entryPoint: readonly string[];
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  /** Thousandths of a core. 0: no limit. */
  readonly cpuMillis: number;
  /** 0: no limit. */
  readonly memoryMb: number;
  readonly network: NetworkMode;
  /** The engine chooses the host's port of each that has none. */
  readonly ports: readonly PublishedPort[];
  /** The host's address for published ports. */
  readonly portBind: string;
  /** True if a small init process runs as PID 1, forwards signals and reaps orphans. */
  readonly init: boolean;
  /** The ids of the GPUs that the engine passes to the container. Absent: none. */
  readonly gpus?: readonly string[];
  /** Absent: the engine's default. */
  readonly security?: SecurityProfile;
  /** The time between the stop signal and SIGKILL if the engine itself stops the container. */
  readonly stopTimeoutMs?: number;
  /** The limit of the container's file system. Absent or 0: none. */
  readonly diskMb?: number;
  /** The limit of its processes and threads. Absent or 0: none. */
  readonly pidsLimit?: number;
  /** The bound of its output. Absent: the engine's own. */
  readonly log?: LogBound;
  /** True if the container gets an empty file for its results. Every user of the container can write it. */
  readonly hasResults?: boolean;
}

/** An engine keeps so many files of output, each of at most that size. */
export interface LogBound {
  readonly fileMb: number;
  readonly files: number;
}

/** The settings that all containers of an agent share. */
export interface HostSettings extends HostPolicy {
  readonly cell: string;
  /** Returns the id of the cell. The agent learns it from the store. */
  cellId?(): string | undefined;
  readonly agentId: string;
  /** Thousandths of a core on the host. An engine refuses a higher limit. */
  readonly cpuMillis: number;
  readonly network: NetworkMode;
  readonly portBind: string;
  /** True if NVIDIA's container toolkit passes GPUs. Otherwise a container only gets their numbers. */
  readonly passesGpus?: boolean;
  readonly pidsLimit?: number;
  readonly log?: LogBound | undefined;
}

/** The prefix of labels that carry a container's parameters. */
const parameterLabel = 'berth.parameter.';

type SpecResult =
  | { readonly ok: true; readonly spec: ContainerSpec }
  | { readonly ok: false; readonly problems: readonly string[] };

/** Returns the container of an assignment, or all problems with it. */
export function containerSpec(assignment: Assignment, host: HostSettings): SpecResult {
  const container = assignment.container;
  if (container === undefined) return { ok: false, problems: ['the task has no container'] };
  const { image, security, network, ports, env, labels, problems: known } = readContainer(container);
  const wanted = security && { security, network };
  const problems = wanted === undefined ? known : [...known, ...policyViolations(wanted, host)];
  const gpus = gpusOf(assignment);
  if (problems.length > 0 || image === undefined || security === undefined) return { ok: false, problems };
  return {
    ok: true,
    spec: {
      name: assignment.taskId,
      image,
      entryPoint: container.entryPoint,
      command: container.command,
      // Nested spreads would take many times as long.
      env: Object.assign({}, container.env, taskEnv(assignment, host.agentId), env),
      labels: Object.assign({}, labels.first, taskLabels(assignment, host), labels.last),
      ...limits(assignment, host),
      stopTimeoutMs: assignment.killGraceMs,
      ...(host.log === undefined ? {} : { log: host.log }),
      network: networkOf(container, host.network),
      ports,
      portBind: host.portBind,
      init: container.parameters.init !== 'false',
      security,
      ...(gpus.length > 0 && host.passesGpus ? { gpus } : {}),
      ...(assignment.collectsResults ? { hasResults: true } : {}),
    },
  };
}

/** The part of a container that is the same for each task and on each host, or its problems. */
interface ContainerReading {
  readonly image: string | undefined;
  readonly security: SecurityProfile | undefined;
  readonly network: NetworkMode | undefined;
  readonly ports: readonly PublishedPort[];
  /** It replaces variables of the same name in the container. */
  readonly env: Readonly<Record<string, string>>;
  /** The task's own labels replace the first, and the last replace those. */
  readonly labels: {
    readonly first: Readonly<Record<string, string>>;
    readonly last: Readonly<Record<string, string>>;
  };
  readonly problems: readonly string[];
}

/** A job's tasks on one agent share one container object. Nobody changes it. */
const readings = new WeakMap<Container, ContainerReading>();

function readContainer(container: Container): ContainerReading {
  const known = readings.get(container);
  if (known !== undefined) return known;
  const problems: string[] = [];
  const image = imageReference(container.image);
  if (image === undefined) problems.push('image: neither a name nor an id is given');
  for (const { name, description } of parameterProblems(container))
    problems.push(`parameters["${name}"]: ${description}`);
  const security = securityOf(container, problems);
  const reading: ContainerReading = {
    image,
    security,
    network: requestedNetwork(container),
    ports: containerPorts(container),
    env: security === undefined ? {} : securityEnv(security),
    labels: {
      first: parameterLabels(container),
      last: security === undefined ? {} : securityLabels(security),
    },
    problems,
  };
  readings.set(container, reading);
  return reading;
}

/**
 * Returns the reference by which an engine finds the image. It is `name@digest` if both are known, because
 * the tag may have moved since the job's submission.
 */
export function imageReference(image: Image | undefined): string | undefined {
  const { imageId = '', name = '' } = image ?? {};
  if (imageId === '') return name === '' ? undefined : name;
  if (name === '' || !isBareDigest(imageId)) return imageId;
  return `${repositoryOf(name)}@${imageId}`;
}

/** True if the container gets an address or host ports that are known only once it runs. */
export function hasAddress(spec: ContainerSpec): boolean {
  return spec.network === 'bridge' || (spec.network === 'host' && spec.ports.length > 0);
}

function isBareDigest(imageId: string): boolean {
  return /^sha256:[0-9a-f]{64}$/.test(imageId);
}

function repositoryOf(name: string): string {
  const withoutDigest = name.split('@')[0] ?? name;
  // A colon before the last slash belongs to the registry's port.
  const tagAt = withoutDigest.indexOf(':', withoutDigest.lastIndexOf('/') + 1);
  return tagAt < 0 ? withoutDigest : withoutDigest.slice(0, tagAt);
}

/** Returns the security profile. Undefined if it is not valid; its problems are then in the list. */
function securityOf(container: Container, problems: string[]): SecurityProfile | undefined {
  const result = parseSecurityProfile(container.securityProfile);
  if (!('violations' in result)) return result.profile;
  problems.push(...result.violations.map(({ field, description }) => `${field}: ${description}`));
  return undefined;
}

function securityEnv({ iamRole, securityGroups }: SecurityProfile): Record<string, string> {
  return {
    ...(iamRole === undefined ? {} : { BERTH_IAM_ROLE: iamRole }),
    ...(securityGroups.length === 0 ? {} : { BERTH_SECURITY_GROUPS: securityGroups.join(',') }),
  };
}

function securityLabels({ iamRole, securityGroups }: SecurityProfile): Record<string, string> {
  return {
    ...(iamRole === undefined ? {} : { [labelNames.iamRole]: iamRole }),
    ...(securityGroups.length === 0 ? {} : { [labelNames.securityGroups]: securityGroups.join(',') }),
  };
}

function parameterLabels({ parameters }: Container): Record<string, string> {
  return Object.fromEntries(
    Object.entries(parameters).map(([name, value]) => [`${parameterLabel}${name}`, value]),
  );
}

/** The GPUs that the task got when it was placed. */
function gpusOf({ taskContext }: Assignment): readonly string[] {
  return (taskContext['task.gpus'] ?? '').split(',').filter((gpu) => gpu !== '');
}

function taskEnv(assignment: Assignment, agentId: string): Record<string, string> {
  const gpus = gpusOf(assignment).join(',');
  return {
    ...(gpus === '' ? {} : { BERTH_TASK_GPUS: gpus, NVIDIA_VISIBLE_DEVICES: gpus }),
    BERTH_TASK_ID: assignment.taskId,
    BERTH_JOB_ID: assignment.jobId,
    BERTH_TASK_INDEX: assignment.taskContext['task.index'] ?? jobSlotOf(assignment),
    BERTH_AGENT_ID: agentId,
    ...(assignment.collectsResults ? { BERTH_RESULTS: resultsPath } : {}),
  };
}

/** A task's id is `JOB.SLOT-ATTEMPT`. */
function jobSlotOf({ taskId, jobId }: Assignment): string {
  return taskId.slice(jobId.length + 1).split('-')[0] ?? '';
}

function taskLabels(assignment: Assignment, host: HostSettings): Record<string, string> {
  const cellId = host.cellId?.();
  return {
    [labelNames.cell]: host.cell,
    ...(cellId === undefined ? {} : { [labelNames.cellId]: cellId }),
    [labelNames.agent]: host.agentId,
    [labelNames.task]: assignment.taskId,
    [labelNames.job]: assignment.jobId,
  };
}

/** The smallest share of a core that engines accept. */
const minCpuMillis = 10;

function limits(assignment: Assignment, host: HostSettings) {
  const { cpuMillis = 0, memoryMb = 0, diskMb = 0 } = assignment.resources ?? {};
  return {
    cpuMillis: cpuMillis === 0 ? 0 : Math.max(minCpuMillis, Math.min(cpuMillis, host.cpuMillis)),
    memoryMb,
    diskMb,
    pidsLimit: host.pidsLimit ?? 0,
  };
}
