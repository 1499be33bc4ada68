import { zeroResources } from '@berth/shared/model/resources/vector';
import { describe, expect, it } from 'vitest';
import { parseGuarantees } from './capacity-groups.js';

describe('guarantees of capacity groups', () => {
  it('are read with the units that resources have, and may be more than any one agent has', () => {
    const text = '{"search": {"cpu": 200.5, "memory": "80TB"}, "batch": {"gpu": 8, "network": "10Gbps"}}';
    expect(parseGuarantees(text)).toEqual(
      new Map([
        ['search', { ...zeroResources(), cpuMillis: 200_500, memoryMb: 80_000_000 }],
        ['batch', { ...zeroResources(), gpuMillis: 8_000, networkMbps: 10_000 }],
      ]),
    );
  });

  it('are refused with all that is wrong with them', () => {
    expect(parseGuarantees('search=1')).toMatch(/^must be a JSON object/);
    expect(parseGuarantees('{"a": {}, "b": {"moon": 1}, "c": {"cpu": "many"}, "d": {"cpu": 1}}')).toBe(
      '"a" must be an object of cpu, memory, disk, network, gpu; ' +
        '"b" names moon, but known are cpu, memory, disk, network, gpu; ' +
        '"c" has cpu "many", which is no amount',
    );
  });
});
