import { hostname } from 'node:os';
import { networkModes } from '@berth/shared/model/job/container-network';
import { capabilities } from '@berth/shared/model/job/security-profile';
import { attributes, cellConfigShape, flag, listenAddress } from '@berth/shared/process/config';
import { amount, count, positiveCount, span } from '@berth/shared/process/config-fields';
import { filePath } from '@berth/shared/process/config-files';
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
  /** The id of a cell. The agent follows it, though its containers belong to another. */
  BERTH_AGENT_ADOPT_CELL: z.string().optional(),
  BERTH_AGENT_RUNTIME: z
    .enum(runtimeNames, { error: `must be ${runtimeNames.join(' or ')}` })
    .default('docker'),
  /**
   * The number of agents in this process. Several agents have a number at the end of their ids. Simulated
   * runtime only.
   */
  BERTH_AGENT_SIMULATED_AGENTS: count.min(1, agentCount).max(20_000, agentCount).default(1),
  BERTH_AGENT_HTTP: listenAddress('127.0.0.1:7380'),
  BERTH_AGENT_GRPC: listenAddress('127.0.0.1:7304'),
  /** They replace attributes of the same name that every agent has. */
  BERTH_AGENT_ATTRIBUTES: attributes.prefault(''),
  /** Each amount replaces the engine's own. CPU is in cores; decimals are allowed. */
  BERTH_AGENT_CPU: positive.optional(),
  BERTH_AGENT_MEMORY_MB: positiveCount.optional(),
  BERTH_AGENT_DISK_MB: count.optional(),
  BERTH_AGENT_NETWORK_MBPS: count.default(10_000),
  /** The GPUs of the host. Tasks get whole GPUs or shares. */
  BERTH_AGENT_GPUS: count.max(1024, { error: 'must be at most 1024' }).default(0),
  /** `nvidia` passes GPUs to containers. With `none`, containers only get the numbers of their GPUs. */
  BERTH_AGENT_GPU_DRIVER: z.enum(['nvidia', 'none'], { error: 'must be nvidia or none' }).default('nvidia'),
  /** The host ports that tasks can have at one time. */
  BERTH_AGENT_PORTS: count.max(65_535, portCount).default(4_096),
  /** The network interfaces with an address of their own that tasks can have at one time. */
  BERTH_AGENT_ENIS: count.default(4_096),
  /** The network of containers that ask for none. */
  BERTH_AGENT_NETWORK: z
    .enum(networkModes, { error: `must be ${networkModes.join(', ')}` })
    .default('bridge'),
  /** The host's address for the published ports of containers. */
  BERTH_AGENT_PORT_BIND: z
    .union([z.ipv4(), z.ipv6()], { error: 'must be an IP address' })
    .default('127.0.0.1'),
  /** True if containers may be privileged. A privileged container is as powerful as root on the host. */
  BERTH_AGENT_ALLOW_PRIVILEGED: flag.default(false),
  /** True if containers may use the host's network when they ask for it. */
  BERTH_AGENT_ALLOW_HOST_NETWORK: flag.default(false),
  /** True if containers may run without seccomp or AppArmor, or with their job's own seccomp profile. */
  BERTH_AGENT_ALLOW_UNCONFINED: flag.default(false),
  /** The capabilities that containers may add to the engine's usual ones. `ALL` allows all. */
  BERTH_AGENT_ALLOW_CAPABILITIES: capabilityNames.prefault(''),
  /** Credentials for the registries of images, in the format of Docker's `config.json`. */
  BERTH_AGENT_IMAGE_AUTH_FILE: filePath.optional(),
  /** A pull of an image without progress for this long is given up. */
  BERTH_AGENT_PULL_STALL: span('2m', { least: '1s' }),
  /** The longest time that a container may ask for between its stop signal and SIGKILL. */
  BERTH_AGENT_MAX_KILL_GRACE: span('10m'),
  /** The processes and threads of one container. 0: no limit. */
  BERTH_AGENT_PIDS_LIMIT: count.default(4_096),
  /** The size of one file of a container's output, in MB. 0: the engine's own settings for output. */
  BERTH_AGENT_LOG_FILE_MB: count.max(100_000, { error: 'must be at most 100000' }).default(20),
  /** The files of output that the engine keeps of one container. */
  BERTH_AGENT_LOG_FILES: positiveCount.max(1000, { error: 'must be at most 1000' }).default(3),
  BERTH_AGENT_HEARTBEAT: span('2s', { least: '10ms' }),
  /** An agent stops its heartbeats if its engine is silent for longer. */
  BERTH_AGENT_RUNTIME_SILENCE: span('60s', { least: '100ms' }),
  /**
   * Launches that the engine gets at one time. Absent: the agent measures the number that the engine can
   * bear.
   */
  BERTH_AGENT_LAUNCH_LIMIT: positiveCount.max(1000, { error: 'must be at most 1000' }).optional(),
  /** The time between two full comparisons of assignments, containers and reported ends. */
  BERTH_AGENT_RESYNC: span('30s', { least: '50ms' }),
  /** The time between two measurements of tasks that a scaling policy needs. */
  BERTH_AGENT_SAMPLE_INTERVAL: span('5s', { least: '10ms' }),
  /** `unix://PATH` or `tcp://HOST:PORT`. Absent: Docker's default socket. */
  DOCKER_HOST: z.string().optional(),
});

/** The agent's environment variables, with their defaults. */
export const agentConfigSchema = settings.refine((config) => reachesEngine(config), {
  path: ['DOCKER_HOST'],
  error: 'must be unix://PATH or tcp://HOST:PORT',
  // Wrong addresses are reported together with all other problems.
  when: () => true,
});

/**
 * True if the runtime can use the engine's address. A simulated engine has no address. So it accepts each.
 */
function reachesEngine(config: Partial<z.output<typeof settings>>): boolean {
  const { BERTH_AGENT_RUNTIME: name = '', DOCKER_HOST: engineAddress } = config;
  return engineAddress === undefined || findRuntime(name)?.acceptsAddress(engineAddress) !== false;
}

export type AgentConfig = z.output<typeof agentConfigSchema>;
