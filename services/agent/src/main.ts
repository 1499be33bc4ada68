import { parseConfig } from '@berth/shared/process/config';
import type { Logger } from '@berth/shared/process/logger';
import { createRegistry } from '@berth/shared/process/metrics';
import { runService } from '@berth/shared/process/service';
import { startStatusServer } from '@berth/shared/process/status-server';
import { type CellStore, openStore } from '@berth/store';
import { startAgents } from './agent.js';
import { type AgentConfig, agentConfigSchema } from './config.js';
import type { RuntimeKind } from './runtime/contract/runtime-kind.js';
import { runtimes } from './runtimes.js';

runService('agent', async ({ env, log, signal }) => {
  const config = parseConfig(agentConfigSchema, env);
  const runtime: RuntimeKind = runtimes[config.BERTH_AGENT_RUNTIME];
  const engines = runtime.open({
    cell: config.BERTH_CELL,
    engineAddress: config.DOCKER_HOST,
    imageAuthFile: config.BERTH_AGENT_IMAGE_AUTH_FILE,
    pullStallMs: config.BERTH_AGENT_PULL_STALL,
    log,
  });
  const store = await connectStore(config, log, signal);
  const count = runtime.hasManyAgents ? config.BERTH_AGENT_SIMULATED_AGENTS : 1;
  const agents = await startAgents({ config, store, engines, count, log });
  return [
    { name: 'store', close: () => store.close() },
    { name: 'engine', close: async () => engines.close() },
    { name: 'agent', close: () => agents.close() },
  ];
});

/** Waits for the store. Until it answers, `/healthz` says that the agent waits for it. */
async function connectStore(config: AgentConfig, log: Logger, signal: AbortSignal): Promise<CellStore> {
  const waiting = await startStatusServer({
    address: config.BERTH_AGENT_HTTP,
    isReady: () => 'Redis has not answered yet',
    registry: createRegistry('agent'),
    log,
  });
  try {
    const { BERTH_REDIS_URL: url, BERTH_CELL: cell, BERTH_STORE_TUNING: tuning } = config;
    return await openStore({ url, cell, tuning, log, signal });
  } finally {
    await waiting.close();
  }
}
