import type { AgentInfo } from '../agent/agent-info.js';

/** The most that any agent has of the resources that make agents full. */
export interface Scale {
  readonly cpu: number;
  readonly memory: number;
  readonly gpu: number;
}

/** An order of all agents for any request: the least key first, then the least id. The index keeps it. */
export interface Ordering {
  /** Its place among the orderings of an index. */
  readonly number: number;
  /** True if keys depend on the scale: all agents are sorted anew when it changes. */
  readonly usesScale: boolean;

  keyOf(agent: AgentInfo, scale: Scale): number;
}

/** The agent with the least free capacity first. */
export const fullestFirst: Ordering = { number: 0, usesScale: true, keyOf: weightedFree };

/** The agent with the greatest free share of its own size first. */
export const emptiestFirst: Ordering = {
  number: 1,
  usesScale: false,
  keyOf: (agent) => -freeShare(agent),
};

/** All orderings. The number of each is its place here. */
export const orderings: readonly Ordering[] = [fullestFirst, emptiestFirst];

export function scaleOf(agents: Iterable<AgentInfo>): Scale {
  const scale = { cpu: 0, memory: 0, gpu: 0 };
  for (const { total } of agents) {
    scale.cpu = Math.max(scale.cpu, total.cpuMillis);
    scale.memory = Math.max(scale.memory, total.memoryMb);
    scale.gpu = Math.max(scale.gpu, total.gpuMillis);
  }
  return scale;
}

/**
 * The free capacity as a share of the biggest agent. The scale is the same for all agents. So the agent with
 * the least left after a task is the one with the least before it, for any task: one order serves all
 * requests. Gpus weigh as much as cpu and memory together, because they cost the most.
 */
function weightedFree({ free }: AgentInfo, scale: Scale): number {
  return (
    (free.cpuMillis / (scale.cpu || 1) + free.memoryMb / (scale.memory || 1)) / 2 +
    free.gpuMillis / (scale.gpu || 1)
  );
}

/** The free capacity as a share of the agent's own size. */
function freeShare({ free, total }: AgentInfo): number {
  const shares = free.cpuMillis / (total.cpuMillis || 1) + free.memoryMb / (total.memoryMb || 1);
  return total.gpuMillis === 0 ? shares / 2 : (shares + free.gpuMillis / total.gpuMillis) / 3;
}
