import {
  type AgentIndex,
  BlockIndex,
  isUnplaced,
  type Placement,
  type PlacementSpec,
  place,
  type QueuedTask,
  specOf,
} from '@berth/scheduler';
import type { Resources } from '@berth/shared/gen/berth/v1/store';
import { Container, JobDescriptor } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { zeroResources } from '@berth/shared/model/resources/vector';

/** Tasks that a master places in one round at most, since it writes no more in one commit. */
export const roundSize = 1_000;

export interface Constraint {
  readonly hard?: Readonly<Record<string, string>>;
  readonly soft?: Readonly<Record<string, string>>;
  readonly expression?: string;
}

/** Agents of 8 cores and 32 GB in three zones and a hundred racks. */
export function makeFleet(agents: number): AgentIndex {
  const fleet = new BlockIndex();
  for (let index = 0; index < agents; index += 1) fleet.addAgent(agentFacts(index));
  return fleet;
}

export function agentFacts(index: number) {
  const id = `agent-${String(index).padStart(5, '0')}`;
  const attributes = { zone: `zone-${index % 3}`, rack: `rack-${index % 100}`, machineType: 'm5.2xlarge' };
  const total = {
    ...zeroResources(),
    cpuMillis: 8000,
    memoryMb: 32_000,
    diskMb: 100_000,
    networkMbps: 10_000,
    ports: 100,
  };
  return { id, attributes, total };
}

export function specWith({ hard = {}, soft = {}, expression = '' }: Constraint = {}): PlacementSpec {
  const container = Container.fromPartial({
    hardConstraints: { constraints: { ...hard }, expression },
    softConstraints: { constraints: { ...soft } },
  });
  return specOf(JobDescriptor.fromPartial({ containers: { main: container } }));
}

/** One of twenty different requests, of 100 to 480 thousandths of a core. */
export function request(index: number): Resources {
  const shape = (index * 7) % 20;
  return { ...zeroResources(), cpuMillis: 100 + shape * 20, memoryMb: 256 + ((shape * 13) % 20) * 64 };
}

let made = 0;

export function makeTasks(
  count: number,
  spec: PlacementSpec,
  jobId = 'job',
  resources = request,
): QueuedTask[] {
  return Array.from({ length: count }, (_, index) => {
    made += 1;
    return { taskId: `task-${made}`, jobId, resources: resources(index), spec };
  });
}

export interface Outcome {
  readonly placed: number;
  readonly waiting: readonly QueuedTask[];
}

/**
 * Plays one round: the queue is placed, the plan is rolled back, and the placed tasks are booked, as after
 * a commit.
 */
export function playRound(
  fleet: AgentIndex,
  queue: readonly QueuedTask[],
  known: ReadonlySet<string> = new Set(),
): Outcome {
  // Kept side by side: to make an object of both would cost a fifth of all that is measured.
  const tasks: QueuedTask[] = [];
  const placements: Placement[] = [];
  const waiting: QueuedTask[] = [];
  let index = 0;
  for (const result of place(queue, fleet, { explains: (id) => !known.has(id) })) {
    const task = queue[index];
    index += 1;
    if (task === undefined) continue;
    if (isUnplaced(result)) waiting.push(task);
    else {
      tasks.push(task);
      placements.push(result);
    }
  }
  for (const [at, { agentId, gpus }] of placements.entries()) {
    const agent = fleet.find(agentId);
    const task = tasks[at];
    if (agent === undefined || task === undefined) continue;
    const { taskId, jobId, resources } = task;
    fleet.take(agent, { taskId, jobId, resources, gpus, isExclusive: false });
  }
  return { placed: placements.length, waiting };
}
