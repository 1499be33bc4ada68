import type { AgentOffer } from './cell/registration.js';
import type { AgentConfig } from './config.js';
import type { HostSettings } from './core/container-spec.js';

/** Returns the settings of an agent's record. */
export function agentOffer(config: AgentConfig): AgentOffer {
  return {
    capacity: {
      cpus: config.BERTH_AGENT_CPU,
      memoryMb: config.BERTH_AGENT_MEMORY_MB,
      diskMb: config.BERTH_AGENT_DISK_MB,
      networkMbps: config.BERTH_AGENT_NETWORK_MBPS,
      gpus: config.BERTH_AGENT_GPUS,
      ports: config.BERTH_AGENT_PORTS,
      enis: config.BERTH_AGENT_ENIS,
    },
    attributes: config.BERTH_AGENT_ATTRIBUTES,
    machineType: config.BERTH_AGENT_RUNTIME,
    assignmentFeed: config.BERTH_AGENT_ID,
    grpcHost: config.BERTH_AGENT_GRPC.host,
  };
}

/**
 * Returns the settings that all containers of an agent share. Only the engine knows how many cores its host
 * has.
 */
export function hostSettings(config: AgentConfig, agentId: string): Omit<HostSettings, 'cpuMillis'> {
  return {
    cell: config.BERTH_CELL,
    agentId,
    network: config.BERTH_AGENT_NETWORK,
    portBind: config.BERTH_AGENT_PORT_BIND,
    passesGpus: config.BERTH_AGENT_GPU_DRIVER === 'nvidia',
    pidsLimit: config.BERTH_AGENT_PIDS_LIMIT,
    log: logBound(config),
    allowsPrivileged: config.BERTH_AGENT_ALLOW_PRIVILEGED,
    allowsHostNetwork: config.BERTH_AGENT_ALLOW_HOST_NETWORK,
    allowsUnconfined: config.BERTH_AGENT_ALLOW_UNCONFINED,
    allowedCapabilities: config.BERTH_AGENT_ALLOW_CAPABILITIES,
  };
}

function logBound(config: AgentConfig) {
  const { BERTH_AGENT_LOG_FILE_MB: fileMb, BERTH_AGENT_LOG_FILES: files } = config;
  return fileMb === 0 ? undefined : { fileMb, files };
}

/** Returns the ids of a process's agents. Several agents have numbered ids. */
export function agentIds(config: AgentConfig, count: number): readonly string[] {
  const base = config.BERTH_AGENT_ID;
  return count === 1 ? [base] : Array.from({ length: count }, (_, index) => `${base}-${index + 1}`);
}
