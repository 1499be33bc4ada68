import type { Assignment, Resources } from '@berth/shared/gen/berth/v1/store';
import type { Container } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { hostPortsOf, type NetworkMode, networkOf } from '@berth/shared/model/job/container-network';
import { gpusKey, millisPerGpu, parseGpus, takenPerGpu } from '@berth/shared/model/resources/gpus';
import { amountFields, kindOf } from '@berth/shared/model/resources/kinds';
import { addTo, fitsAmounts, subtractResources, zeroResources } from '@berth/shared/model/resources/vector';

/** The resources that the tasks of an agent hold. */
export class UsedCapacity {
  readonly sum = zeroResources();
  /** The tasks with gpus. */
  readonly withGpus: Assignment[] = [];
  /** The tasks that hold ports of the host by number, such as `8080/tcp`. */
  readonly byPort = new Map<string, string>();
  readonly #network: NetworkMode;

  /** `network` is that of containers that ask for none. */
  constructor(network: NetworkMode = 'bridge') {
    this.#network = network;
  }

  add(assignment: Assignment): void {
    const { resources, taskId } = assignment;
    for (const port of this.portsOf(assignment)) this.byPort.set(port, taskId);
    if (resources === undefined) return;
    addTo(this.sum, resources);
    if (resources.gpuMillis > 0) this.withGpus.push(assignment);
  }

  /** The ports of this host that the task needs by number. */
  portsOf({ container }: Assignment): readonly string[] {
    if (container === undefined) return noPorts;
    const known = knownPorts.get(container);
    if (known?.network === this.#network) return known.ports;
    const ports = hostPortsOf(container, networkOf(container, this.#network));
    knownPorts.set(container, { network: this.#network, ports });
    return ports;
  }
}

const noPorts: readonly string[] = [];

/** A job's tasks on one agent share one container object. Nobody changes it. */
const knownPorts = new WeakMap<
  Container,
  { readonly network: NetworkMode; readonly ports: readonly string[] }
>();

/**
 * Everything that the agent lacks for one more task, by its own capacity, as one sentence.
 * Undefined if it lacks nothing.
 */
export function shortfallOf(asked: Assignment, used: UsedCapacity, capacity: Resources): string | undefined {
  const needs = asked.resources ?? zeroResources();
  const shortfalls = [
    ...amountShortfalls(needs, used, capacity),
    ...gpuShortfalls(asked, used.withGpus, capacity),
    ...used.portsOf(asked).flatMap((port) => takenPort(port, used)),
  ];
  return shortfalls.length === 0 ? undefined : `the agent lacks ${shortfalls.join(', ')}`;
}

function takenPort(port: string, { byPort }: UsedCapacity): readonly string[] {
  const holder = byPort.get(port);
  return holder === undefined ? [] : [`port ${port} (taken by ${holder})`];
}

function amountShortfalls(needs: Resources, used: UsedCapacity, capacity: Resources): readonly string[] {
  const left = subtractResources(capacity, used.sum);
  // Tasks that hold more than the agent has leave nothing free; a task that asks for nothing still fits.
  for (const field of amountFields) left[field] = Math.max(0, left[field]);
  if (fitsAmounts(needs, left)) return [];
  return amountFields
    .filter((field) => needs[field] > left[field])
    .map((field) => {
      const { label, text } = kindOf(field);
      return `${label} (${text(needs[field])} asked for, ${text(left[field])} free)`;
    });
}

function gpuShortfalls(
  asked: Assignment,
  withGpus: readonly Assignment[],
  { gpuMillis }: Resources,
): readonly string[] {
  const needs = takenPerGpu(asked.resources?.gpuMillis ?? 0);
  if (needs === 0) return [];
  const gpus = Math.floor(gpuMillis / millisPerGpu);
  return gpusOf(asked).flatMap((gpu) => {
    if (gpu >= gpus) return [`GPU ${gpu} (there are ${gpus})`];
    const held = withGpus
      .filter((other) => gpusOf(other).includes(gpu))
      .reduce((sum, { resources }) => sum + takenPerGpu(resources?.gpuMillis ?? 0), 0);
    return held + needs > millisPerGpu ? [`capacity on GPU ${gpu}`] : [];
  });
}

function gpusOf({ taskContext }: Assignment): readonly number[] {
  return parseGpus(taskContext[gpusKey]);
}
