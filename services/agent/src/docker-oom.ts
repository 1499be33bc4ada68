import { text } from 'node:stream/consumers';
import type Dockerode from 'dockerode';
import type { ContainerStatus } from './core/container.js';

/** Docker's word of lack of memory can come this long after its word of the end. */
const lateWordMs = 300;
const exitCodeOfSigkill = 137;

/**
 * Whether the end of a container with a memory limit may be for lack of memory although Docker does not say so: where its
 * word of that comes after the container's end, it never finds its way into the container's own record. PURE.
 */
export function mayHaveRunOutOfMemory(
  info: Dockerode.ContainerInspectInfo,
  { state, exitCode, oomKilled }: ContainerStatus,
): boolean {
  const isKilled = state === 'exited' && exitCode === exitCodeOfSigkill && oomKilled !== true;
  return isKilled && (info.HostConfig.Memory ?? 0) > 0;
}

/** Whether Docker's events tell of lack of memory in the container. Waits for late ones, so for a container that has just ended. */
export async function eventsTellOfOom(
  docker: Dockerode,
  { Id, State }: Dockerode.ContainerInspectInfo,
  abortSignal: AbortSignal,
): Promise<boolean> {
  // Docker takes times in seconds, of its own clock.
  const since = Date.parse(State.StartedAt) / 1000;
  const until = (Date.parse(State.FinishedAt) + lateWordMs) / 1000;
  const filters = JSON.stringify({ type: ['container'], container: [Id], event: ['oom'] });
  const events = await docker.getEvents({ since, until, filters, abortSignal });
  return (await text(events)).trim() !== '';
}
