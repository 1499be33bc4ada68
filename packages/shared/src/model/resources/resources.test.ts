import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Resources } from '../../gen/berth/v1/store.js';
import { Container } from '../../gen/netflix/titus/titus_job_api.js';
import { bytesPerMb } from './amounts.js';
import { containerPorts, parseResources } from './resources.js';
import { addResources, fits, subtractResources, zeroResources } from './vector.js';

function amounts(map: Record<string, string>): Resources {
  const parsed = parseResources(map);
  if ('violations' in parsed) throw new Error(JSON.stringify(parsed.violations));
  return parsed.resources;
}

function violationsOf(map: Record<string, string>): Record<string, string> {
  const parsed = parseResources(map, 'containers["main"].resources');
  if (!('violations' in parsed)) return {};
  return Object.fromEntries(parsed.violations.map(({ field, description }) => [field, description]));
}

describe('parseResources', () => {
  it('gives one core and 512 MB by default', () => {
    expect(amounts({})).toEqual({ ...zeroResources(), cpuMillis: 1000, memoryMb: 512 });
  });

  it('takes numbers without a unit as cores, MB, Mbps and gpus', () => {
    const asked = {
      cpu: '0.25',
      memory: '128',
      disk: '10000',
      network: '100',
      gpu: '2',
      ports: '8080, 9090',
      eni: '1',
    };
    expect(amounts(asked)).toEqual({
      cpuMillis: 250,
      memoryMb: 128,
      diskMb: 10000,
      networkMbps: 100,
      gpuMillis: 2000,
      ports: 2,
      eni: 1,
    });
  });

  it.each([
    ['512MB', 512],
    ['512MiB', 537],
    ['1GiB', 1074],
    ['2 GB', 2000],
    ['1.5GB', 1500],
    ['1B', 1],
    ['8Gb', 1000],
    ['500kB', 1],
  ])('reads a memory of %s as %d MB, rounded up', (text, memoryMb) => {
    expect(amounts({ memory: text }).memoryMb).toBe(memoryMb);
  });

  it.each([
    ['10Gb', 10_000],
    ['10Gbps', 10_000],
    ['1MB', 8],
    ['100Mb/s', 100],
    ['0', 0],
  ])('reads a network of %s as %d Mbps', (text, networkMbps) => {
    expect(amounts({ network: text }).networkMbps).toBe(networkMbps);
  });

  it('keeps decimals exact that binary fractions would not', () => {
    expect(amounts({ cpu: '0.29', memory: '1.1GB' })).toMatchObject({ cpuMillis: 290, memoryMb: 1100 });
  });

  it('names every bad resource at once', () => {
    const bad = {
      cpu: '0',
      memory: 'lots',
      disk: '-1',
      network: '10Xb',
      gpu: '1.5',
      ports: '80,0,x',
      eni: 'a',
      allocateIP: 'yes',
      flux: '1',
    };
    expect(Object.keys(violationsOf(bad)).sort()).toEqual(
      Object.keys(bad)
        .map((name) => `containers["main"].resources.${name}`)
        .sort(),
    );
    expect(violationsOf({ flux: '1' })['containers["main"].resources.flux']).toContain(
      'known are cpu, memory',
    );
  });

  it.each(['1e3', '0x10', '', ' ', '1,5', 'NaN', 'Infinity', '512mb', '99999999999999999999', '1.0.0'])(
    'refuses the memory %j',
    (text) => expect(Object.keys(violationsOf({ memory: text }))).toHaveLength(1),
  );

  it('refuses resources named like properties of every object', () => {
    expect(Object.keys(violationsOf({ constructor: '1', toString: '2' }))).toHaveLength(2);
  });

  it('never gives less than the request, in any unit', () => {
    const units = { MB: bytesPerMb, MiB: 2 ** 20, GiB: 2 ** 30, kB: 1000, B: 1, Mb: 125_000 } as const;
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 10_000 }),
        fc.constantFrom(...Object.keys(units)),
        (count, unit) => {
          const bytes = count * units[unit as keyof typeof units];
          const givenMb = amounts({ memory: `${count}${unit}` }).memoryMb;
          expect(givenMb).toBe(Math.ceil(bytes / bytesPerMb));
        },
      ),
    );
  });

  it('never throws for any content of the map', () => {
    fc.assert(fc.property(fc.dictionary(fc.string(), fc.string()), (map) => void parseResources(map)));
  });
});

describe('containerPorts', () => {
  it('lists the named ports in their order', () => {
    expect(containerPorts(Container.fromPartial({ resources: { ports: '9090,80' } }))).toEqual([
      { port: 9090, protocol: 'tcp' },
      { port: 80, protocol: 'tcp' },
    ]);
    expect(containerPorts(Container.fromPartial({}))).toEqual([]);
  });

  it('refuses a port named twice', () => {
    expect(violationsOf({ ports: '80,80' })).toHaveProperty(
      ['containers["main"].resources.ports'],
      'names port 80/tcp twice',
    );
  });
});

describe('resource arithmetic', () => {
  const amount = fc.nat(1_000_000);
  const resources = fc.record<Resources>({
    cpuMillis: amount,
    memoryMb: amount,
    diskMb: amount,
    networkMbps: amount,
    gpuMillis: amount,
    ports: amount,
    eni: amount,
  });

  it('takes away exactly what it added', () => {
    fc.assert(
      fc.property(resources, resources, (a, b) => {
        expect(subtractResources(addResources(a, b), b)).toEqual(a);
      }),
    );
  });

  it('fits a request exactly when nothing of what is left would be negative', () => {
    fc.assert(
      fc.property(resources, resources, (request, free) => {
        const left = Object.values(subtractResources(free, request));
        expect(fits(request, free)).toBe(left.every((value) => value >= 0));
      }),
    );
  });
});
