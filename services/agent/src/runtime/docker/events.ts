import { type BackoffPolicy, backoff } from '@berth/shared/process/backoff';
import type { Clock } from '@berth/shared/process/clock';
import type { Random } from '@berth/shared/process/random';
import type Dockerode from 'dockerode';
import { Observable } from 'rxjs';
import { labelNames } from '../../core/labels.js';
import { linesOf } from '../../primitives/lines.js';
import type { RuntimeEvent } from '../contract/container-runtime.js';

/** The delays before a lost stream of events is opened again. */
const reconnectPolicy: BackoffPolicy = { initialMs: 100, maxMs: 5_000, jitter: 0.3 };

/**
 * The agent knows of a start from its own call, and lack of memory shows at the end. Other events would only
 * cause inspections. The last two are Podman's names for the first two.
 */
const eventNames = ['die', 'destroy', 'died', 'remove'];

interface DockerEventsOptions {
  readonly docker: Dockerode;
  /** Labels of the containers, as `NAME=VALUE`. */
  readonly labels: readonly string[];
  readonly clock: Clock;
  readonly random: Random;
}

/**
 * Returns one stream of events for all containers with the labels. It opens at the subscription, and again
 * after each end.
 */
export function dockerEvents(options: DockerEventsOptions): Observable<RuntimeEvent> {
  return new Observable((subscriber) => {
    const closing = new AbortController();
    follow(options, (event) => subscriber.next(event), closing.signal).catch((error: unknown) =>
      subscriber.error(error),
    );
    return () => closing.abort();
  });
}

async function follow(
  options: DockerEventsOptions,
  emit: (event: RuntimeEvent) => void,
  signal: AbortSignal,
) {
  const delays = backoff(reconnectPolicy, options.random);
  while (!signal.aborted) {
    const why = await readStream(options, signal, (event) => {
      if (event.is === 'connected') delays.reset();
      emit(event);
    });
    if (signal.aborted) return;
    emit({ is: 'disconnected', why });
    await options.clock.sleep(delays.nextMs(), signal);
  }
}

/** Reads the stream until its end. Returns the reason of the end. */
async function readStream(
  { docker, labels }: DockerEventsOptions,
  signal: AbortSignal,
  emit: (event: RuntimeEvent) => void,
): Promise<string> {
  try {
    const filters = JSON.stringify({ type: ['container'], event: eventNames, label: labels });
    const stream = await docker.getEvents({ filters, abortSignal: signal });
    emit({ is: 'connected' });
    for await (const line of linesOf(stream)) {
      const taskId = taskIdIn(line, labels);
      if (taskId !== undefined) emit({ is: 'changed', taskId });
    }
    return 'Docker ended the stream of events';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Podman sends the events of containers that have only some of the labels. */
function taskIdIn(line: string, labels: readonly string[]): string | undefined {
  const event = JSON.parse(line) as { Actor?: { Attributes?: Record<string, string> } };
  const attributes = event.Actor?.Attributes ?? {};
  const found = new Set(Object.entries(attributes).map(([name, value]) => `${name}=${value}`));
  return labels.every((label) => found.has(label)) ? attributes[labelNames.task] : undefined;
}
