import { describe, expect, it } from 'vitest';
import { type ContainerUsage, type Metrics, usageMetrics } from './usage.js';

const asked = { cpuMillis: 500, memoryMb: 200, networkMbps: 100 };
const network = { receivedBytes: 1_000_000, sentBytes: 2_000_000 };

const first: ContainerUsage = {
  taskId: 't',
  readAtMs: 10_000,
  startedAtMs: 1,
  cpuMs: 3_000,
  memoryBytes: 50_000_000,
  network,
};
const { network: _, ...withoutNetwork } = first;
const seen = (changes: Partial<ContainerUsage> = {}): ContainerUsage => ({
  ...first,
  readAtMs: 15_000,
  cpuMs: 4_000,
  ...changes,
});
const memoryOnly = { MemoryUtilization: 25 };

describe('the metrics of a container', () => {
  it.each<[string, ContainerUsage | undefined, ContainerUsage, Metrics]>([
    // 1 s of CPU time in 5 s is a fifth of a core. That is 40 % of half a core.
    [
      'are averages over the time between two looks',
      first,
      seen({ network: { receivedBytes: 7_250_000, sentBytes: 33_250_000 } }),
      { CPUUtilization: 40, MemoryUtilization: 25, NetworkIn: 10, NetworkOut: 50, NetworkUtilization: 50 },
    ],
    ['of a first look are its memory alone', undefined, first, memoryOnly],
    [
      'after missed looks are averages over the longer time',
      first,
      seen({ readAtMs: 30_000, cpuMs: 4_000, network }),
      { CPUUtilization: 10, MemoryUtilization: 25, NetworkIn: 0, NetworkOut: 0, NetworkUtilization: 0 },
    ],
    ['begin anew where the CPU counter went back', first, seen({ cpuMs: 10 }), memoryOnly],
    [
      'begin anew after a restart that the counter does not show',
      first,
      seen({ startedAtMs: 2 }),
      memoryOnly,
    ],
    ['begin anew where no time has passed', first, seen({ readAtMs: 10_000 }), memoryOnly],
    [
      'leave the network out where its counters went back',
      first,
      seen({ network: { receivedBytes: 0, sentBytes: 3_000_000 } }),
      { CPUUtilization: 40, MemoryUtilization: 25 },
    ],
    [
      'leave the network out where it was not there before',
      withoutNetwork,
      seen(),
      { CPUUtilization: 40, MemoryUtilization: 25 },
    ],
    [
      'of more than was asked for are above 100 %',
      first,
      seen({ cpuMs: 8_000, memoryBytes: 300_000_000, network }),
      { CPUUtilization: 200, MemoryUtilization: 150, NetworkIn: 0, NetworkOut: 0, NetworkUtilization: 0 },
    ],
  ])('%s', (_, before, now, metrics) => {
    expect(usageMetrics(before, now, asked)).toEqual(metrics);
  });

  it('have no percentages of resources that were not requested', () => {
    const nothing = { cpuMillis: 0, memoryMb: 0, networkMbps: 0 };
    expect(usageMetrics(first, seen(), nothing)).toEqual({ NetworkIn: 0, NetworkOut: 0 });
  });
});
