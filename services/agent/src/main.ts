import { BerthError } from '@berth/shared/model/errors';
import { ConfigError, parseConfig } from '@berth/shared/process/config';
import { runService } from '@berth/shared/process/service';
import { RedisStore } from '@berth/shared/store/redis-store';
import { startAgent, startSimulatedFleet } from './agent.js';
import { type AgentConfig, agentConfigSchema } from './config.js';
import { DockerRuntime } from './docker-runtime.js';

runService('agent', async ({ env, log, signal }) => {
  const config = parseConfig(agentConfigSchema, env);
  const runtime = config.BERTH_AGENT_RUNTIME === 'docker' ? dockerRuntime(config, log) : undefined;
  const store = await RedisStore.connect({
    url: config.BERTH_REDIS_URL,
    cell: config.BERTH_CELL,
    log,
    signal,
  });
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

function dockerRuntime(
  config: AgentConfig,
  log: ConstructorParameters<typeof DockerRuntime>[0]['log'],
): DockerRuntime {
  const { BERTH_CELL: cell, BERTH_AGENT_ID: agentId, DOCKER_HOST: dockerHost } = config;
  try {
    return new DockerRuntime({ cell, agentId, dockerHost, ...(log && { log }) });
  } catch (error) {
    throw error instanceof BerthError ? new ConfigError(error.message) : error;
  }
}
