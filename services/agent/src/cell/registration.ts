import { hostname } from 'node:os';
import { AgentRecord, type Resources } from '@berth/shared/gen/berth/v1/store';
import { formatAddress } from '@berth/shared/process/address';
import type { RuntimeInfo } from '../runtime/contract/container-runtime.js';

/** The address and the start of one agent. */
interface AgentIdentity {
  readonly agentId: string;
  /** Differs each time that the agent's process starts. */
  readonly incarnation: string;
  readonly startedAtMs: number;
  readonly version: string;
  readonly grpcPort: number;
}

/** The capacity that the operator configured. The engine's host decides each amount that is absent. */
interface ConfiguredCapacity {
  /** Cores; decimals allowed. */
  readonly cpus?: number | undefined;
  readonly memoryMb?: number | undefined;
  readonly diskMb?: number | undefined;
  readonly networkMbps: number;
  readonly gpus: number;
  readonly ports: number;
  readonly enis: number;
}

/** The operator's settings for one agent's record. */
export interface AgentOffer {
  readonly capacity: ConfiguredCapacity;
  /** They replace attributes of the same name that every agent has. */
  readonly attributes: Readonly<Record<string, string>>;
  /** The name of the runtime. */
  readonly machineType: string;
  /** The feed with changes of the agent's assignments. */
  readonly assignmentFeed: string;
  /** The address of the agent's gRPC server. */
  readonly grpcHost: string;
}

/**
 * Returns the agent's record: the operator's settings, completed by the engine. PURE but for the host's name.
 */
export function agentRecord(offer: AgentOffer, identity: AgentIdentity, info: RuntimeInfo): AgentRecord {
  return AgentRecord.fromPartial({
    id: identity.agentId,
    attributes: { ...info.attributes, ...agentAttributes(offer, identity.agentId) },
    capacity: capacityOf(offer.capacity, info),
    incarnation: identity.incarnation,
    registeredAtMs: identity.startedAtMs,
    runtime: info.version,
    version: identity.version,
    assignmentFeed: offer.assignmentFeed,
    grpcAddress: formatAddress({ host: reachableHost(offer.grpcHost), port: identity.grpcPort }),
  });
}

/** Placement and people rely on these attributes. So every agent has them. */
function agentAttributes({ machineType, attributes }: AgentOffer, agentId: string): Record<string, string> {
  return {
    region: 'local',
    zone: 'local',
    host: hostname(),
    instance: agentId,
    serverGroup: 'default',
    machineType,
    ...attributes,
  };
}

/** Returns the agent's capacity: the configured amounts, completed by those of the engine's host. */
export function capacityOf(configured: ConfiguredCapacity, info: RuntimeInfo): Resources {
  const { cpus, memoryMb, diskMb, networkMbps, gpus, ports, enis } = configured;
  return {
    cpuMillis: cpus === undefined ? info.cpuMillis : Math.round(cpus * 1000),
    memoryMb: memoryMb ?? info.memoryMb,
    diskMb: diskMb ?? info.diskMb,
    networkMbps,
    gpuMillis: gpus * 1000,
    ports,
    eni: enis,
  };
}

/** An agent that listens on all addresses is reached by its host's name. */
function reachableHost(host: string): string {
  return host === '0.0.0.0' || host === '::' ? hostname() : host;
}
