import { type Clock, startTimer } from '@berth/shared/process/clock';
import type Dockerode from 'dockerode';
import type { ContainerStatus } from '../../core/container.js';

/**
 * On a busy machine, Docker's event for lack of memory can come this much later than its event for the end.
 */
const lateWordMs = 1_500;
const exitCodeOfSigkill = 137;

/**
 * True if a container with a memory limit may have ended for lack of memory although Docker's record does not
 * say so. If that event comes after the container's end, Docker never adds it to the record. PURE.
 */
export function mayHaveRunOutOfMemory(
  info: Dockerode.ContainerInspectInfo,
  { state, exitCode, oomKilled }: ContainerStatus,
): boolean {
  const isKilled = state === 'exited' && exitCode === exitCodeOfSigkill && oomKilled !== true;
  return isKilled && (info.HostConfig.Memory ?? 0) > 0;
}

/** True if Docker's events report lack of memory in the container, now or within {@link lateWordMs}. */
export async function hasOomEvent(
  { docker, clock }: { readonly docker: Dockerode; readonly clock: Clock },
  { Id, Created }: Dockerode.ContainerInspectInfo,
  abortSignal: AbortSignal,
): Promise<boolean> {
  // Docker takes times in seconds, of its own clock. Its start time can be later than an early end. So the
  // creation time is used.
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
