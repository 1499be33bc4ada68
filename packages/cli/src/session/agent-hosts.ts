import type { AgentCalls } from '@berth/client';
import type { Task } from '@berth/shared/gen/netflix/titus/titus_job_api';
import type { HostAddresses } from '../format/jobs/job-facts.js';

/**
 * Returns the address of each agent's host for the tasks' ports. A gateway that lists no agents is no reason
 * to fail: the ports are then shown without addresses.
 */
export async function hostAddresses(calls: AgentCalls, tasks: readonly Task[]): Promise<HostAddresses> {
  if (!tasks.some(({ taskContext }) => taskContext['task.hostPorts'])) return new Map();
  try {
    const agents = await calls.listAgents();
    return new Map(agents.map(({ id, grpcAddress }) => [id, grpcAddress.replace(/:\d+$/, '')]));
  } catch {
    return new Map();
  }
}
