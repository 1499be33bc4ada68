import { AgentRecord } from '@berth/shared/gen/berth/v1/store';
import { systemRandom } from '@berth/shared/process/random';
import { MemoryStore } from '@berth/store/memory';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Registrar } from './registrar.js';

describe('the registrar', () => {
  const records = [AgentRecord.fromPartial({ id: 'a' })];
  const others = async (count: number) => {
    for (let each = 0; each < count; each++) {
      const record = AgentRecord.fromPartial({ id: `other-${each}` });
      await store.commit({ actor: 'other', writes: [{ kind: 'agent', id: record.id, record }] });
    }
  };
  let store: MemoryStore;
  let registrar: Registrar;
  beforeEach(async () => {
    store = new MemoryStore();
    registrar = new Registrar(store, systemRandom);
    await others(2);
    await registrar.register(records);
  });
  afterEach(async () => {
    await registrar.close();
    await store.close();
  });

  it('finds nothing lost if others only write', async () => {
    expect(await registrar.hasStoreLostData()).toBe(false);
    await others(5);
    expect(await registrar.hasStoreLostData()).toBe(false);
    expect(await registrar.hasStoreLostData()).toBe(false);
  });

  it.each([0, 3, 10])('finds that data was lost, once, though %i commits have come since', async (count) => {
    store.clear();
    await others(count);
    expect(await registrar.hasStoreLostData()).toBe(true);
    expect(await registrar.hasStoreLostData()).toBe(false);
  });
});
