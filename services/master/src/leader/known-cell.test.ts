import type { Logger } from '@berth/shared/process/logger';
import { silentLogger } from '@berth/shared/process/logger';
import { systemRandom } from '@berth/shared/process/random';
import { MemoryStore } from '@berth/store/memory';
import { describe, expect, it } from 'vitest';
import { KnownCell } from './known-cell.js';

describe('the cell that a master knows', () => {
  const warnings: string[] = [];
  const log: Logger = Object.assign(Object.create(silentLogger) as Logger, {
    warn: (...words: readonly unknown[]) => warnings.push(String(words.at(-1))),
  });

  it('keeps its id over masters, and an emptied store is named in the log', async () => {
    const store = new MemoryStore();
    const [first, second] = [0, 1].map(() => new KnownCell(store, { random: systemRandom, log }));
    const cellId = await first?.establish();
    expect(cellId).toMatch(/^[0-9a-f-]{36}$/);
    expect(await second?.establish()).toBe(cellId);
    expect(await store.findCellId()).toBe(cellId);
    expect(warnings).toEqual([]);
    store.clear();
    const other = await first?.establish();
    expect(other).not.toBe(cellId);
    expect(warnings).toEqual([expect.stringContaining(`held cell id ${cellId}, and holds ${other} now`)]);
    await store.close();
  });
});
