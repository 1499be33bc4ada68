import type { Resources } from '@berth/shared/gen/berth/v1/store';
import { Container, JobDescriptor } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { conditionNames } from '@berth/shared/model/expression/vocabulary';
import { zeroResources } from '@berth/shared/model/resources/vector';
import { specOf } from '../filters/compile-spec.js';
import type { AgentIndex } from '../index/agent-index.js';
import { BlockIndex } from '../index/block-index.js';
import type { PlacementSpec } from '../request/placement-spec.js';

/*
 * Placement said plainly, from its definitions: every agent is looked at for every task, nothing is
 * remembered. Tests hold the decisions of the real one against it.
 */

export interface PlainAgent {
  readonly id: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly total: Resources;
  readonly isDraining?: boolean;
}

export interface PlainJob {
  readonly id: string;
  readonly resources: Resources;
  readonly hard: Readonly<Record<string, string>>;
  readonly soft: Readonly<Record<string, string>>;
  /** Its ports as a job writes them, such as `8080:80,53/udp`. */
  readonly ports?: string;
  /** True if its tasks keep away from one another. */
  readonly spreads?: boolean;
  /** Its tasks are never stopped for others. */
  readonly isCritical?: boolean;
}

export interface PlainTask {
  readonly id: string;
  readonly job: PlainJob;
}

export interface PlainRunning extends PlainTask {
  readonly agentId: string;
  readonly gpus: readonly number[];
  /** Tasks that have to be gone before it starts. */
  readonly awaits?: readonly string[];
}

export const amounts = (cpuMillis: number, memoryMb: number, more: Partial<Resources> = {}): Resources => ({
  ...zeroResources(),
  cpuMillis,
  memoryMb,
  ...more,
});

export function specFor(
  job: Pick<PlainJob, 'hard' | 'soft' | 'ports' | 'spreads'>,
  more: Partial<JobDescriptor> = {},
  expression = '',
): PlacementSpec {
  const container = Container.fromPartial({
    hardConstraints: { constraints: { ...job.hard }, expression },
    softConstraints: { constraints: { ...job.soft } },
    resources: { ports: job.ports ?? '' },
    parameters: { 'berth.spread': job.spreads ? 'true' : 'false' },
  });
  return specOf(JobDescriptor.fromPartial({ containers: { main: container }, ...more }));
}

export function indexOf(agents: readonly PlainAgent[], running: readonly PlainRunning[] = []): AgentIndex {
  const index = new BlockIndex();
  for (const agent of agents) index.addAgent(agent);
  for (const task of running) book(index, task);
  return index;
}

export function book(index: AgentIndex, { id, job, agentId, gpus, awaits = [] }: PlainRunning): void {
  const found = index.find(agentId);
  if (found === undefined) return;
  const isExclusive = job.hard.exclusiveHost === 'true';
  const { id: jobId, resources, isCritical = false } = job;
  const hostPorts = hostPortsIn(job);
  index.take(found, { taskId: id, jobId, resources, gpus, isExclusive, isCritical, hostPorts, awaits });
}

/** The ports that the job has chosen: of `8080:80`, the first. */
export function hostPortsIn({ ports = '' }: Pick<PlainJob, 'ports'>): readonly string[] {
  return ports.split(',').flatMap((port) => {
    const [pair = '', protocol = 'tcp'] = port.split('/');
    return pair.includes(':') ? [`${pair.split(':')[0]}/${protocol}`] : [];
  });
}

const kinds = ['cpuMillis', 'memoryMb', 'diskMb', 'networkMbps', 'ports', 'eni'] as const;

/** The free thousandths of each gpu of the agent. */
export function freeGpus(agent: PlainAgent, running: readonly PlainRunning[]): readonly number[] {
  const free: number[] = Array(Math.floor(agent.total.gpuMillis / 1000)).fill(1000);
  for (const { agentId, gpus, job } of running) {
    if (agentId !== agent.id) continue;
    for (const gpu of gpus) free[gpu] = (free[gpu] ?? 0) - Math.min(job.resources.gpuMillis, 1000);
  }
  return free;
}

export function freeOf(agent: PlainAgent, running: readonly PlainRunning[]): Resources {
  const free = { ...agent.total };
  for (const task of running) {
    if (task.agentId === agent.id) for (const kind of kinds) free[kind] -= task.job.resources[kind];
  }
  free.gpuMillis = freeGpus(agent, running).reduce((sum, each) => sum + each, 0);
  return free;
}

export function hasCapacity(
  agent: PlainAgent,
  request: Resources,
  running: readonly PlainRunning[],
): boolean {
  const free = freeOf(agent, running);
  const gpus = freeGpus(agent, running);
  const { gpuMillis } = request;
  const gpusWanted = gpuMillis === 0 ? 0 : Math.max(1, gpuMillis / 1000);
  const each = Math.min(gpuMillis, 1000);
  return (
    kinds.every((kind) => request[kind] <= free[kind]) &&
    gpus.filter((gpu) => gpu >= each).length >= gpusWanted
  );
}

function hasAttribute(agent: PlainAgent, name: string, value: string): boolean {
  const values = value.split(',');
  return values.includes(agent.attributes[name] ?? '?') || (name === 'host' && values.includes(agent.id));
}

/** True if one constraint lets one more task of the job come to the agent. */
export function keeps(
  [name, value]: readonly [string, string],
  agent: PlainAgent,
  job: PlainJob,
  { agents, running }: PlainCell,
): boolean {
  const here = running.filter(({ agentId }) => agentId === agent.id);
  switch (name) {
    case 'uniqueHost':
      return here.every((task) => task.job.id !== job.id);
    case 'exclusiveHost':
      return here.length === 0;
    case 'zoneBalance': {
      const zone = agent.attributes.zone ?? '';
      const usable = agents.filter((each) => isUsable(each, job)).map((each) => each.attributes.zone ?? '');
      const count = (of: string) =>
        running.filter(
          (task) =>
            task.job.id === job.id && agents.find(({ id }) => id === task.agentId)?.attributes.zone === of,
        ).length;
      return zone !== '' && usable.filter((each) => each !== '').every((each) => count(zone) <= count(each));
    }
    default:
      return hasAttribute(agent, name, value);
  }
}

/** True if the job could use the agent if it were empty. */
function isUsable(agent: PlainAgent, job: PlainJob): boolean {
  const fixed = Object.entries(job.hard).filter(([name]) => !conditionNames.some((each) => each === name));
  return (
    agent.isDraining !== true &&
    hasCapacity(agent, job.resources, []) &&
    fixed.every(([name, value]) => hasAttribute(agent, name, value))
  );
}

export interface PlainCell {
  readonly agents: readonly PlainAgent[];
  readonly running: readonly PlainRunning[];
  /** `JOB AGENT` if the agent refuses tasks of the job for now. */
  readonly refused?: ReadonlySet<string>;
}

/** The agents that a task of the job may go to. */
export function possible(job: PlainJob, cell: PlainCell): readonly PlainAgent[] {
  return cell.agents.filter((agent) => {
    const isKept = cell.running.some(
      (task) => task.agentId === agent.id && task.job.hard.exclusiveHost === 'true',
    );
    const all = Object.entries(job.hard).every((constraint) => keeps(constraint, agent, job, cell));
    const isRefused = cell.refused?.has(`${job.id} ${agent.id}`) === true;
    const isTaken = hostPortsOn(agent, cell).some((port) => hostPortsIn(job).includes(port));
    const isOpen = agent.isDraining !== true && !isKept && !isRefused && !isTaken;
    return isOpen && all && hasCapacity(agent, job.resources, cell.running);
  });
}

/** The chosen ports of all tasks on the agent, one as often as it is held. */
export function hostPortsOn(agent: PlainAgent, { running }: PlainCell): readonly string[] {
  return running.filter(({ agentId }) => agentId === agent.id).flatMap(({ job }) => hostPortsIn(job));
}

/** The crowd of the job on the agent: first its tasks there, then if its zone has more than others. */
export function crowd(agent: PlainAgent, job: PlainJob, cell: PlainCell): number {
  const ofJob = cell.running.filter((task) => task.job.id === job.id);
  if (job.spreads !== true || ofJob.length === 0) return 0;
  const here = ofJob.filter(({ agentId }) => agentId === agent.id).length;
  return 2 * here + (keeps(['zoneBalance', 'true'], agent, job, cell) ? 0 : 1);
}

/** How many soft constraints of the job the agent would meet. */
export function met(agent: PlainAgent, job: PlainJob, cell: PlainCell): number {
  return Object.entries(job.soft).filter((constraint) => keeps(constraint, agent, job, cell)).length;
}

/** The free capacity of the agent, measured by the biggest agent: bin packing takes the least. */
export function roominess(agent: PlainAgent, { agents, running }: PlainCell): number {
  const free = freeOf(agent, running);
  const biggest = (kind: 'cpuMillis' | 'memoryMb' | 'gpuMillis') =>
    Math.max(...agents.map(({ total }) => total[kind])) || 1;
  return (
    (free.cpuMillis / biggest('cpuMillis') + free.memoryMb / biggest('memoryMb')) / 2 +
    free.gpuMillis / biggest('gpuMillis')
  );
}
