import type { RuntimeKind } from '../contract/runtime-kind.js';
import { dockerAddress } from './core/address.js';
import { DockerRuntime } from './docker-runtime.js';

/** Docker Engine: one agent for the containers of one host. */
export const docker: RuntimeKind = {
  hasManyAgents: false,
  acceptsAddress: (engineAddress) => dockerAddress(engineAddress) !== undefined,
  open: ({ engineAddress: dockerHost, ...shared }) => {
    const runtimes = new Map<string, DockerRuntime>();
    return {
      engineOf: (agentId) => {
        const runtime = runtimes.get(agentId) ?? new DockerRuntime({ ...shared, agentId, dockerHost });
        runtimes.set(agentId, runtime);
        return runtime;
      },
      close: async () => {
        await Promise.all([...runtimes.values()].map((runtime) => runtime.close()));
      },
    };
  },
};
