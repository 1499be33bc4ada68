import { describe, expect, it } from 'vitest';
import { bridgeName, freeBridgeAddress, routedNetworks } from './bridge.js';

describe('freeBridgeAddress', () => {
  it('takes the first network without an address of the machine', () => {
    expect(freeBridgeAddress(['127.0.0.1', '172.17.0.1'])).toBe('10.200.0.1/16');
    expect(freeBridgeAddress(['10.200.0.1', '10.201.7.9', '10.203.0.1'])).toBe('10.202.0.1/16');
  });

  it('returns undefined if all of them are in use', () => {
    const used = Array.from({ length: 256 }, (_, second) => `10.${second}.0.1`);
    expect(freeBridgeAddress(used)).toBeUndefined();
  });
});

describe('bridgeName', () => {
  it('fits a network interface and differs between clones', () => {
    expect(bridgeName('/a/engine').length).toBeLessThanOrEqual(15);
    expect(bridgeName('/a/engine')).not.toBe(bridgeName('/b/engine'));
  });
});

describe('routedNetworks', () => {
  it('reads the networks of the kernel’s routes, also those of idle bridges', () => {
    const routes = [
      'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT',
      'eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0',
      'berth-1\t0000C80A\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0',
      '',
    ];
    expect(routedNetworks(routes.join('\n'))).toEqual(['0.0.0.0', '10.200.0.0']);
  });
});
