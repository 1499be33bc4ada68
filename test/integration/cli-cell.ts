import { startAgents } from '@berth/agent/agent';
import { agentConfigSchema } from '@berth/agent/config';
import { SimulatedEngines } from '@berth/agent/runtime/simulated';
import { gatewayConfigSchema } from '@berth/api/config';
import { startGateway } from '@berth/api/gateway';
import { masterConfigSchema } from '@berth/master/config';
import { startMaster } from '@berth/master/master';
import { parseConfig } from '@berth/shared/process/config';
import { silentLogger as log } from '@berth/shared/process/logger';
import { openStore } from '@berth/store';
import { startTestRedis } from '../support/process/redis.js';

/** A cell for the command line: real Redis, master and gateway, and agents with simulated containers. */
export interface CliCell {
  /** The address of the gateway. */
  readonly address: string;
  /** Ends the gateway and starts another one on the same port. */
  restartGateway(): Promise<void>;
  close(): Promise<void>;
}

const anyPort = '127.0.0.1:0';

export async function startCliCell(): Promise<CliCell> {
  const redis = await startTestRedis();
  // A new master leaves deadlines alone for the time that an agent may be silent.
  const env = { BERTH_REDIS_URL: redis.url, BERTH_CELL: 'cli', BERTH_AGENT_TIMEOUT: '6s' };
  const stores = await Promise.all([1, 2, 3].map(() => openStore({ url: redis.url, cell: 'cli', log })));
  const [forMaster, forGateway, forAgents] = stores;
  if (forMaster === undefined || forGateway === undefined || forAgents === undefined)
    throw new Error('no store');
  const masterConfig = parseConfig(masterConfigSchema, { ...env, BERTH_MASTER_HTTP: anyPort });
  const master = await startMaster({ config: masterConfig, store: forMaster, log });
  const gatewayAt = (address: string) => {
    const config = { ...env, BERTH_API_GRPC: address, BERTH_API_JOBV1: anyPort, BERTH_API_HTTP: anyPort };
    return startGateway({ config: parseConfig(gatewayConfigSchema, config), store: forGateway, log });
  };
  let gateway = await gatewayAt(anyPort);
  const address = `127.0.0.1:${gateway.grpcPort}`;
  const agentEnv = {
    ...env,
    BERTH_AGENT_ID: 'sim',
    BERTH_AGENT_RUNTIME: 'simulated',
    BERTH_AGENT_HTTP: anyPort,
    BERTH_AGENT_GRPC: anyPort,
  };
  const engines = new SimulatedEngines();
  const agents = await startAgents({
    engines,
    count: 2,
    config: parseConfig(agentConfigSchema, agentEnv),
    store: forAgents,
    log,
  });
  await agents.ready;
  return {
    address,
    restartGateway: async () => {
      await gateway.close();
      gateway = await gatewayAt(address);
    },
    close: async () => {
      await Promise.all([agents.close(), gateway.close(), master.close()]);
      engines.close();
      await Promise.all(stores.map((store) => store.close()));
      await redis.stop();
    },
  };
}
