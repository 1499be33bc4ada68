import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ContainerRelay, hostAddressIn, openRelay } from './container-relay.js';

describe('a relay', () => {
  let gateway: Server;
  let relay: ContainerRelay;
  const text = async () => (await fetch(`http://${relay.address}/`)).text();

  beforeEach(async () => {
    gateway = createServer((_, response) => response.end('from the gateway')).listen(0, '127.0.0.1');
    await once(gateway, 'listening');
    const opened = await openRelay('127.0.0.1');
    if (opened === undefined) throw new Error('every machine has a loopback address');
    relay = opened;
  });
  afterEach(async () => {
    await relay.close();
    gateway.closeAllConnections();
    gateway.close();
  });

  it('answers nobody until it has a target', async () => {
    const [host, port] = relay.address.split(':');
    const early = connect(Number(port), host);
    await once(early.resume(), 'close');
    expect(early.bytesRead).toBe(0);
    relay.relayTo((gateway.address() as AddressInfo).port);
    expect(await text()).toBe('from the gateway');
  });

  it('ends its connections when it is closed', async () => {
    gateway.removeAllListeners('request');
    gateway.on('request', (_, response) => response.write('and so on'));
    relay.relayTo((gateway.address() as AddressInfo).port);
    const reader = (await fetch(`http://${relay.address}/`)).body?.getReader();
    await reader?.read();
    const rest = expect(reader?.read()).rejects.toThrow();
    await relay.close();
    await rest;
    relay = { ...relay, close: async () => {} };
  });

  it('is undefined if the address is not of this machine', async () => {
    expect(await openRelay('192.0.2.1')).toBeUndefined();
  });
});

describe('the host’s address on a network', () => {
  const network = (...configs: readonly object[]) => ({ Name: 'bridge', IPAM: { Config: configs } });

  it.each([
    [network({ Subnet: '10.200.0.0/16', Gateway: '10.200.0.7' }), '10.200.0.7'],
    [network({ Subnet: '172.17.0.0/16' }), '172.17.0.1'],
    [network({ Subnet: '192.168.9.64/26' }), '192.168.9.65'],
    [network(), undefined],
    [network({ Subnet: 'fd00::/64' }), undefined],
    [undefined, undefined],
  ])('of the description %j is %s', (network, address) => {
    expect(hostAddressIn(network)).toBe(address);
  });
});
