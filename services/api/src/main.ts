import { parseConfig } from '@berth/shared/process/config';
import { runService } from '@berth/shared/process/service';
import { openStore } from '@berth/store';
import { gatewayConfigSchema } from './config.js';
import { startGateway } from './gateway.js';
import { letHeapGrow } from './tuning/heap-growth.js';

runService('gateway', async ({ env, log, signal }) => {
  const config = parseConfig(gatewayConfigSchema, env);
  if (config.BERTH_API_TUNING === 'on') letHeapGrow(process);
  const store = openStore({
    url: config.BERTH_REDIS_URL,
    cell: config.BERTH_CELL,
    waitReplicas: config.BERTH_REDIS_WAIT_REPLICAS,
    tuning: config.BERTH_STORE_TUNING,
    log,
    signal,
  });
  const gateway = await startGateway({ config, store, log, signal });
  return [
    { name: 'store', close: async () => (await store).close() },
    { name: 'gateway', close: () => gateway.close() },
  ];
});
