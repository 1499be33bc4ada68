import { describe, expect, it } from 'vitest';
import { Container } from '../../gen/netflix/titus/titus_job_api.js';
import { hostPortsOf, networkOf, parameterProblems } from './container-network.js';

const container = (ports: string, parameters: Record<string, string> = {}) =>
  Container.fromPartial({ resources: { ports }, parameters });

describe('the ports of the host that a container holds by number', () => {
  it('are the chosen ones', () => {
    expect(hostPortsOf(container('80,8080:80/udp'))).toEqual(['8080/udp']);
    expect(hostPortsOf(container('8080:80'), 'bridge')).toEqual(['8080/tcp']);
  });

  it("are all of them on the host's network, with the port of the metrics", () => {
    const parameters = { network: 'host', 'berth.metrics.port': '9100' };
    expect(hostPortsOf(container('80,53:53/udp', parameters))).toEqual(['80/tcp', '53/udp', '9100/tcp']);
    expect(hostPortsOf(container('80,9100'), 'host')).toEqual(['80/tcp', '9100/tcp']);
    expect(hostPortsOf(container('80'), 'none')).toEqual([]);
  });
});

describe('a chosen port of the host', () => {
  it("gives the container an address of its own, also if its agent's containers share the host's", () => {
    expect(networkOf(container('8080:80'), 'host')).toBe('bridge');
    expect(networkOf(container('80'), 'host')).toBe('host');
  });

  it("is refused on the host's network if it differs from the container's", () => {
    expect(parameterProblems(container('8080:80', { network: 'host' }))).toEqual([
      {
        name: 'network',
        description: "is host, but there a container's port is the host's: it cannot get another number",
      },
    ]);
    expect(parameterProblems(container('80:80', { network: 'host' }))).toEqual([]);
  });
});
