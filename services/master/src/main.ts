import { parseConfig } from '@berth/shared/process/config';
import { runService } from '@berth/shared/process/service';
import { openStore } from '@berth/store';
import { masterConfigSchema } from './config.js';
import { startMaster } from './master.js';

runService('master', async ({ env, log, signal }) => {
  const config = parseConfig(masterConfigSchema, env);
  const store = openStore({
    url: config.BERTH_REDIS_URL,
    cell: config.BERTH_CELL,
    waitReplicas: config.BERTH_REDIS_WAIT_REPLICAS,
    tuning: config.BERTH_STORE_TUNING,
    log,
    signal,
  });
  const master = await startMaster({ config, store, log, signal });
  return [
    { name: 'store', close: async () => (await store).close() },
    { name: 'master', close: () => master.close() },
  ];
});
