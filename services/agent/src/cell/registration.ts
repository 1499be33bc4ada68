import { hostname } from 'node:os';
import { AgentRecord, type Resources } from '@berth/shared/gen/berth/v1/store';
import { formatAddress } from '@berth/shared/process/address';
import type { AgentConfig } from '../config.js';
import type { RuntimeInfo } from '../runtime/contract/container-runtime.js';

/** Where the agent can be reached, and who this run of it is. */
export interface AgentIdentity {
  readonly agentId: string;
  /** Differs each time that the agent's process starts. */
  readonly incarnation: string;
  readonly startedAtMs: number;
  readonly version: string;
  readonly grpcPort: number;
}

/** What the agent says of itself: what its operator configured, and for the rest what its engine tells. PURE but for the host's name. */
export function agentRecord(config: AgentConfig, identity: AgentIdentity, info: RuntimeInfo): AgentRecord {
  return AgentRecord.fromPartial({
    id: identity.agentId,
    attributes: agentAttributes(config, identity.agentId),
    capacity: capacityOf(config, info),
    incarnation: identity.incarnation,
    registeredAtMs: identity.startedAtMs,
    runtime: info.version,
    version: identity.version,
    assignmentFeed: config.BERTH_AGENT_ID,
    grpcAddress: formatAddress({
      host: reachableHost(config.BERTH_AGENT_GRPC.host),
      port: identity.grpcPort,
    }),
  });
}

/** Attributes that placement and people rely on, so that every agent has them. */
function agentAttributes(config: AgentConfig, agentId: string): Record<string, string> {
  return {
    region: 'local',
    zone: 'local',
    host: hostname(),
    instance: agentId,
    serverGroup: 'default',
    machineType: config.BERTH_AGENT_RUNTIME,
    ...config.BERTH_AGENT_ATTRIBUTES,
  };
}

/** What the agent offers: what its operator says, and for the rest what its engine tells. */
export function capacityOf(config: AgentConfig, info: RuntimeInfo): Resources {
  const { BERTH_AGENT_CPU, BERTH_AGENT_MEMORY_MB, BERTH_AGENT_DISK_MB } = config;
  return {
    cpuMillis: BERTH_AGENT_CPU === undefined ? info.cpuMillis : Math.round(BERTH_AGENT_CPU * 1000),
    memoryMb: BERTH_AGENT_MEMORY_MB ?? info.memoryMb,
    diskMb: BERTH_AGENT_DISK_MB ?? info.diskMb,
    networkMbps: config.BERTH_AGENT_NETWORK_MBPS,
    gpuMillis: config.BERTH_AGENT_GPUS * 1000,
    ports: config.BERTH_AGENT_PORTS,
    eni: config.BERTH_AGENT_ENIS,
  };
}

/** Who listens everywhere is reached by the host's name. */
function reachableHost(host: string): string {
  return host === '0.0.0.0' || host === '::' ? hostname() : host;
}
