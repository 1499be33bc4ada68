import { parseConfig } from '@berth/shared/process/config';
import type { Logger } from '@berth/shared/process/logger';
import { createRegistry } from '@berth/shared/process/metrics';
import { runService } from '@berth/shared/process/service';
import { startStatusServer } from '@berth/shared/process/status-server';
import { RedisStore } from '@berth/store/redis';
import { startAgent, startSimulatedFleet } from './agent.js';
import { type AgentConfig, agentConfigSchema } from './config.js';
import { DockerRuntime } from './runtime/docker/docker-runtime.js';

runService('agent', async ({ env, log, signal }) => {
  const config = parseConfig(agentConfigSchema, env);
  const runtime = config.BERTH_AGENT_RUNTIME === 'docker' ? dockerRuntime(config, log) : undefined;
  const store = await connectStore(config, log, signal);
  const shared = { config, store, log };
  const agent =
    runtime === undefined
      ? await startSimulatedFleet({ ...shared, count: config.BERTH_AGENT_SIMULATED_AGENTS })
      : await startAgent({ ...shared, runtime });
  return [
    { name: 'store', close: () => store.close() },
    ...(runtime === undefined ? [] : [{ name: 'Docker', close: () => runtime.close() }]),
    { name: 'agent', close: () => agent.close() },
  ];
});

/** Waits for Redis; who asks meanwhile on the agent's HTTP port is told so. */
async function connectStore(config: AgentConfig, log: Logger, signal: AbortSignal): Promise<RedisStore> {
  const waiting = await startStatusServer({
    address: config.BERTH_AGENT_HTTP,
    isReady: () => 'Redis has not answered yet',
    registry: createRegistry('agent'),
    log,
  });
  try {
    const { BERTH_REDIS_URL: url, BERTH_CELL: cell } = config;
    return await RedisStore.connect({ url, cell, log, signal });
  } finally {
    await waiting.close();
  }
}

function dockerRuntime(config: AgentConfig, log: Logger): DockerRuntime {
  const { BERTH_CELL: cell, BERTH_AGENT_ID: agentId, DOCKER_HOST: dockerHost } = config;
  return new DockerRuntime({ cell, agentId, dockerHost, log });
}
