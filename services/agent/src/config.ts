import { hostname } from 'node:os';
import { networkModes } from '@berth/shared/model/job/container-network';
import { capabilities } from '@berth/shared/model/job/security-profile';
import { attributes, cellConfigShape, flag, listenAddress } from '@berth/shared/process/config';
import { amount, count, positiveCount, span } from '@berth/shared/process/config-fields';
import { z } from 'zod';
import { findRuntime, runtimeNames } from './runtimes.js';

const positive = amount.positive({ error: 'must be greater than 0' });
const agentCount = { error: 'must be from 1 to 20000' };
/** No host has more ports at one address. */
const portCount = { error: 'must be at most 65535' };

const idMessage =
  'must be 1 to 128 letters, digits, dots, hyphens or underscores, beginning with a letter or digit';
const agentId = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/, { error: idMessage });

/** Names of Linux capabilities, with or without `CAP_`, separated by commas. */
const capabilityNames = z.string().transform((text, context): ReadonlySet<string> => {
  const words = text.split(',').map((word) => word.trim().toUpperCase().replace(/^CAP_/, ''));
  const names = words.filter((word) => word !== '');
  const unknown = names.filter((name) => !capabilities.has(name));
  if (unknown.length > 0) context.addIssue(`names ${unknown.join(', ')}, which is no Linux capability`);
  return new Set(names);
});

const settings = z.object({
  ...cellConfigShape,
  BERTH_AGENT_ID: agentId.default(() => hostname()),
  BERTH_AGENT_RUNTIME: z
    .enum(runtimeNames, { error: `must be ${runtimeNames.join(' or ')}` })
    .default('docker'),
  /** How many agents the process is; the ids of more than one end in a number. Only with the simulated runtime. */
  BERTH_AGENT_SIMULATED_AGENTS: count.min(1, agentCount).max(20_000, agentCount).default(1),
  BERTH_AGENT_HTTP: listenAddress('127.0.0.1:7380'),
  BERTH_AGENT_GRPC: listenAddress('127.0.0.1:7304'),
  /** Added to the attributes that every agent has, or in their place. */
  BERTH_AGENT_ATTRIBUTES: attributes.prefault(''),
  /** Each replaces what the engine says of its host. Cores; decimals allowed. */
  BERTH_AGENT_CPU: positive.optional(),
  BERTH_AGENT_MEMORY_MB: positiveCount.optional(),
  BERTH_AGENT_DISK_MB: count.optional(),
  BERTH_AGENT_NETWORK_MBPS: count.default(10_000),
  /** Cards of the host, which tasks get whole or in shares. */
  BERTH_AGENT_GPUS: count.max(1024, { error: 'must be at most 1024' }).default(0),
  /** `nvidia` passes cards to containers; with `none` a container is only told which are its own. */
  BERTH_AGENT_GPU_DRIVER: z.enum(['nvidia', 'none'], { error: 'must be nvidia or none' }).default('nvidia'),
  /** Host ports that tasks can have at a time. */
  BERTH_AGENT_PORTS: count.max(65_535, portCount).default(4_096),
  /** Network interfaces with an address of their own that tasks can have at a time. */
  BERTH_AGENT_ENIS: count.default(4_096),
  /** The network of containers that do not ask for one. */
  BERTH_AGENT_NETWORK: z
    .enum(networkModes, { error: `must be ${networkModes.join(', ')}` })
    .default('bridge'),
  /** The host's address at which containers' ports are published. */
  BERTH_AGENT_PORT_BIND: z
    .union([z.ipv4(), z.ipv6()], { error: 'must be an IP address' })
    .default('127.0.0.1'),
  /** Whether containers may be privileged, which is as good as root on the host. */
  BERTH_AGENT_ALLOW_PRIVILEGED: flag.default(false),
  /** Whether containers may be on the host's network because they ask for it. */
  BERTH_AGENT_ALLOW_HOST_NETWORK: flag.default(false),
  /** Whether containers may do without seccomp or AppArmor, or have a seccomp profile of their job's own. */
  BERTH_AGENT_ALLOW_UNCONFINED: flag.default(false),
  /** Capabilities that containers may add beyond those that engines give by themselves; `ALL` allows all. */
  BERTH_AGENT_ALLOW_CAPABILITIES: capabilityNames.prefault(''),
  BERTH_AGENT_HEARTBEAT: span('2s', { least: '10ms' }),
  /** An agent whose engine has been silent for longer than this no longer counts as alive. */
  BERTH_AGENT_RUNTIME_SILENCE: span('60s', { least: '100ms' }),
  /** Launches that the engine gets at one time. Absent: the agent measures how many the engine can bear. */
  BERTH_AGENT_LAUNCH_LIMIT: positiveCount.max(1000, { error: 'must be at most 1000' }).optional(),
  /** How often everything is compared anew: assignments, containers, and ends that were reported. */
  BERTH_AGENT_RESYNC: span('30s', { least: '50ms' }),
  /** How often it looks at what tasks use, where a policy wants to know. */
  BERTH_AGENT_SAMPLE_INTERVAL: span('5s', { least: '10ms' }),
  /** `unix://PATH` or `tcp://HOST:PORT`; without it Docker's default socket. */
  DOCKER_HOST: z.string().optional(),
});

/** The agent's environment variables, with their defaults. */
export const agentConfigSchema = settings.refine((config) => reachesEngine(config), {
  path: ['DOCKER_HOST'],
  error: 'must be unix://PATH or tcp://HOST:PORT',
  // Told along with whatever else is wrong.
  when: () => true,
});

/** True if the runtime can use the engine's address. A simulated engine has no address, and accepts each. */
function reachesEngine(config: Partial<z.output<typeof settings>>): boolean {
  const { BERTH_AGENT_RUNTIME: name = '', DOCKER_HOST: engineAddress } = config;
  return engineAddress === undefined || findRuntime(name)?.acceptsAddress(engineAddress) !== false;
}

export type AgentConfig = z.output<typeof agentConfigSchema>;
