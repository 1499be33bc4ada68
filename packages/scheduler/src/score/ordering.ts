import type { AgentSlot } from '../index/indexed-agent.js';

/** The most that any agent has of what makes agents full. */
export interface Scale {
  readonly cpu: number;
  readonly memory: number;
  readonly gpu: number;
}

export function scaleOf(slots: Iterable<AgentSlot>): Scale {
  const scale = { cpu: 0, memory: 0, gpu: 0 };
  for (const { total } of slots) {
    scale.cpu = Math.max(scale.cpu, total.cpuMillis);
    scale.memory = Math.max(scale.memory, total.memoryMb);
    scale.gpu = Math.max(scale.gpu, total.gpuMillis);
  }
  return scale;
}

/**
 * What an agent has free, as a share of the biggest agent. Since the scale is the same for all, the agent that is left
 * with the least after a task is the one that has the least before it, whatever the task: one order serves all requests.
 * Cards weigh as much as cpu and memory together: where there are cards, they are what is dear.
 */
export function weightedFree({ cpu, memory, gpu }: AgentSlot, scale: Scale): number {
  return (cpu / (scale.cpu || 1) + memory / (scale.memory || 1)) / 2 + gpu / (scale.gpu || 1);
}

/** What an agent has free, as a share of its own size. */
export function freeShare({ cpu, memory, gpu, total }: AgentSlot): number {
  const shares = cpu / (total.cpuMillis || 1) + memory / (total.memoryMb || 1);
  return total.gpuMillis === 0 ? shares / 2 : (shares + gpu / total.gpuMillis) / 3;
}
