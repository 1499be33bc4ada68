import { type Clock, startTimer } from '@berth/shared/process/clock';
import type Dockerode from 'dockerode';
import type { ContainerStatus } from '../../core/container.js';

/** Docker's word of lack of memory can come this long after its word of the end, on a machine that is busy. */
const lateWordMs = 1_500;
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

/** Whether Docker's events tell of lack of memory in the container, now or within moments. */
export async function eventsTellOfOom(
  { docker, clock }: { readonly docker: Dockerode; readonly clock: Clock },
  { Id, Created }: Dockerode.ContainerInspectInfo,
  abortSignal: AbortSignal,
): Promise<boolean> {
  // Docker takes times in seconds, of its own clock. Its time of the start can be later than that of an early end.
  const since = Date.parse(Created) / 1000;
  const filters = JSON.stringify({ type: ['container'], container: [Id], event: ['oom'] });
  const patience = new AbortController();
  const cancel = startTimer(clock, lateWordMs, () => patience.abort());
  try {
    const signal = AbortSignal.any([abortSignal, patience.signal]);
    for await (const _ of await docker.getEvents({ since, filters, abortSignal: signal })) return true;
    return false;
  } catch (error) {
    if (patience.signal.aborted && !abortSignal.aborted) return false;
    throw error;
  } finally {
    cancel();
  }
}
