import type { Container } from '../../gen/netflix/titus/titus_job_api.js';
import { chosenPorts, portText } from '../resources/ports.js';
import { containerPorts, wantsOwnAddress } from '../resources/resources.js';
import { metricsEndpoint, metricsProblems } from '../task/task-metrics.js';
import { killGraceParameter, killGraceProblem } from './kill-grace.js';

export const networkModes = ['none', 'bridge', 'host'] as const;

/** No network, one with an address of the container's own, or the host's. */
export type NetworkMode = (typeof networkModes)[number];

type NetworkRequest = Pick<Container, 'parameters' | 'resources'>;

/**
 * Returns the network that `parameters["network"]` asks for; undefined if the container leaves it to its
 * agent.
 */
export function requestedNetwork({ parameters }: NetworkRequest): NetworkMode | undefined {
  return networkModes.find((mode) => mode === parameters.network);
}

/** One parameter, and the fault in it. */
interface ParameterProblem {
  readonly name: string;
  readonly description: string;
}

/**
 * Returns the faults in the container's parameters. Parameters that mean nothing to Berth are always right.
 */
export function parameterProblems(container: NetworkRequest): readonly ParameterProblem[] {
  const { network = '', init = '' } = container.parameters;
  const mode = requestedNetwork(container);
  const problems: ParameterProblem[] = [];
  const refuse = (name: string, description: string) => problems.push({ name, description });
  if (network !== '' && mode === undefined)
    refuse('network', `is ${JSON.stringify(network.slice(0, 60))}, but must be ${networkModes.join(', ')}`);
  if (mode === 'none' && containerPorts(container).length > 0)
    refuse('network', 'is none, but a container without a network cannot publish ports');
  if (mode === 'host' && containerPorts(container).some(({ port, hostPort = port }) => hostPort !== port))
    refuse('network', "is host, but there a container's port is the host's: it cannot get another number");
  if (mode === 'none' && metricsEndpoint(container) !== undefined)
    refuse('network', 'is none, but nobody can ask a container without a network for its metrics');
  if ((mode === 'none' || mode === 'host') && wantsOwnAddress(container))
    refuse('network', `is ${mode}, but allocateIP and eni ask for an address of the container's own`);
  if (!['', 'true', 'false'].includes(init))
    refuse('init', `is ${JSON.stringify(init.slice(0, 60))}, but must be true or false`);
  const grace = container.parameters[killGraceParameter] ?? '';
  const graceProblem = grace === '' ? undefined : killGraceProblem(grace);
  if (graceProblem !== undefined) refuse(killGraceParameter, graceProblem);
  return [...problems, ...metricsProblems(container)];
}

/**
 * Returns the network of a container with valid parameters: the one that it asks for or needs, otherwise
 * its agent's.
 */
export function networkOf(container: NetworkRequest, ofAgent: NetworkMode): NetworkMode {
  const asked = requestedNetwork(container);
  if (asked !== undefined) return asked;
  const ports = containerPorts(container);
  // A chosen port of the host is mapped to the container's: that needs an address of its own.
  if (wantsOwnAddress(container) || chosenPorts(ports).length > 0) return 'bridge';
  const needsNetwork = ports.length > 0 || metricsEndpoint(container) !== undefined;
  return needsNetwork && ofAgent === 'none' ? 'bridge' : ofAgent;
}

/**
 * Returns the ports of its host that the container holds by number, such as `8080/tcp`: the chosen ones, and
 * on the host's network all of them. Two containers on one host never hold the same.
 */
export function hostPortsOf(
  container: NetworkRequest,
  network: NetworkMode | undefined = requestedNetwork(container),
): readonly string[] {
  const ports = containerPorts(container);
  if (network === 'none') return [];
  if (network !== 'host') return chosenPorts(ports);
  const metrics = metricsEndpoint(container);
  const held = new Set(ports.map(portText));
  if (metrics !== undefined) held.add(`${metrics.port}/tcp`);
  return [...held];
}
