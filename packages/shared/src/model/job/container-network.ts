import type { Container } from '../../gen/netflix/titus/titus_job_api.js';
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
  if (wantsOwnAddress(container)) return 'bridge';
  const needsNetwork = containerPorts(container).length > 0 || metricsEndpoint(container) !== undefined;
  return needsNetwork && ofAgent === 'none' ? 'bridge' : ofAgent;
}
