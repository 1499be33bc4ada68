import { amountFields } from '@berth/shared/model/resources/kinds';
import { zeroResources } from '@berth/shared/model/resources/vector';
import { describe, expect, it } from 'vitest';
import { BlockIndex } from '../index/block-index.js';
import { amounts, specFor } from '../testing/plain.js';
import { place } from './place.js';
import { explainUnplaced, isUnplaced } from './place-options.js';

function waitOf(resources: ReturnType<typeof amounts>, zone?: string): string {
  const index = new BlockIndex();
  const total = { ...zeroResources(), ...Object.fromEntries(amountFields.map((field) => [field, 50])) };
  index.addAgent({ id: 'a', attributes: { zone: 'a' }, total: { ...total, gpuMillis: 2000 } });
  index.addAgent({ id: 'b', attributes: { zone: 'b' }, total: { ...total, memoryMb: 30 } });
  const spec = specFor({ hard: zone === undefined ? {} : { zone }, soft: {} });
  const [result] = place([{ taskId: 't', jobId: 'j', resources, spec }], index);
  return result !== undefined && isUnplaced(result) ? explainUnplaced(result) : 'placed';
}

describe('the numbers of a wait', () => {
  it.each([
    ['cpuMillis', 60, 'asks 0.06; the largest agent has 0.05: it never fits'],
    ['memoryMb', 60, 'asks 60 MB; the largest agent has 50 MB: it never fits'],
    ['diskMb', 60, 'asks 60 MB; the largest agent has 50 MB: it never fits'],
    ['networkMbps', 60, 'asks 60 Mbps; the largest agent has 50 Mbps: it never fits'],
    ['gpuMillis', 3000, 'asks 3; the largest agent has 2: it never fits'],
    ['ports', 60, 'asks 60; the largest agent has 50: it never fits'],
    ['eni', 60, 'asks 60; the largest agent has 50: it never fits'],
  ] as const)('say that a request for %s never fits', (field, amount, detail) => {
    expect(waitOf(amounts(0, 0, { [field]: amount }))).toContain(`on 2 agents (${detail})`);
  });

  it('are those of agents that meet the constraints', () => {
    expect(waitOf(amounts(1, 40), 'b')).toContain('asks 40 MB; the largest agent has 30 MB: it never fits');
    expect(waitOf(amounts(1, 40))).toBe('placed');
  });
});
