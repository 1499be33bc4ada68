import { SimulatedEngines } from '@berth/agent/runtime/simulated';
import { describe, expect, it } from 'vitest';
import { waitFor } from '../support/process/wait-for.js';
import { runtimeContract, specFor } from './runtime-contract.js';

describe('the simulated runtime', () => {
  runtimeContract(async () => {
    const engines = new SimulatedEngines();
    return {
      image: 'any/image:1',
      missingImage: 'no/image:1',
      open: (agentId) => engines.engineOf(agentId),
      close: async () => engines.close(),
    };
  });

  it('takes the times to start and to stop from its script', async () => {
    const engines = new SimulatedEngines();
    const runtime = engines.engineOf('slow');
    const env = { BERTH_SIM_START_DELAY_MS: '60', BERTH_SIM_STOP_DELAY_MS: '60' };
    const spec = specFor('any', 'slow', { env });
    await runtime.create(spec);
    const starting = runtime.start(spec.name);
    expect(await runtime.inspect(spec.name)).toMatchObject({ state: 'created' });
    await starting;
    await runtime.stop(spec.name);
    expect(await runtime.inspect(spec.name)).toMatchObject({ state: 'running' });
    await waitFor(async () => (await runtime.inspect(spec.name))?.state === 'exited');
    engines.close();
  });

  it('does not answer while it is down, and its containers live on', async () => {
    const engines = new SimulatedEngines();
    const runtime = engines.engineOf('down');
    const spec = specFor('any', 'down');
    await runtime.create(spec);
    await runtime.start(spec.name);
    runtime.goDown();
    await expect(runtime.list()).rejects.toMatchObject({ kind: 'unavailable' });
    runtime.comeBack();
    expect(await runtime.list()).toMatchObject([{ state: 'running' }]);
    engines.close();
  });

  it('fails as a broken host does', async () => {
    const runtime = new SimulatedEngines().engineOf('broken');
    const spec = specFor('any', 'broken', { env: { BERTH_SIM_FAIL: 'host' } });
    await expect(runtime.create(spec)).rejects.toMatchObject({ kind: 'failed' });
  });
});
