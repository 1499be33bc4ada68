import { describe, expect, it } from 'vitest';
import { chosenPorts, parsePorts } from './ports.js';

const tcp = 'tcp';

describe('the ports of a container', () => {
  it.each([
    ['', []],
    [
      '80, 9090',
      [
        { port: 80, protocol: tcp },
        { port: 9090, protocol: tcp },
      ],
    ],
    ['53/udp', [{ port: 53, protocol: 'udp' }]],
    [
      '53/tcp,53/UDP',
      [
        { port: 53, protocol: tcp },
        { port: 53, protocol: 'udp' },
      ],
    ],
    ['8080:80', [{ port: 80, protocol: tcp, hostPort: 8080 }]],
    [
      '5353:53/udp,65535:1/sctp',
      [
        { port: 53, protocol: 'udp', hostPort: 5353 },
        { port: 1, protocol: 'sctp', hostPort: 65_535 },
      ],
    ],
  ])('are read from %j', (text, ports) => expect(parsePorts(text)).toEqual(ports));

  it.each([
    ['0', 'has "0", but ports are from 1 to 65535'],
    ['80,65536,0:80', 'has "65536", "0:80", but ports are from 1 to 65535'],
    ['http', 'has "http", but a port is written 80, 53/udp or 8080:80, with numbers from 1 to 65535'],
    [':80', 'has ":80", but a port is written 80, 53/udp or 8080:80, with numbers from 1 to 65535'],
    ['80/icmp', 'has "80/icmp", but the protocol is tcp, udp, sctp'],
    ['8000-8010', 'has "8000-8010", but ranges are not taken; write each port'],
    ['80,80/tcp', 'names port 80/tcp twice'],
    ['8080:80,8081:80', 'names port 80/tcp twice'],
    ['8080:80,8080:81', 'names port 8080/tcp of the host twice'],
  ])('are refused in %j with the reason', (text, fault) => expect(parsePorts(text)).toBe(fault));

  it.each(['127.0.0.1:8080:80', '127.0.0.1::80', '[::1]:8080:80/tcp', '0.0.0.0:53:53/udp', 'eth0:1:2'])(
    'take no address of a host, since that is for its operator to choose: %s',
    (text) =>
      expect(parsePorts(text)).toBe(
        `has ${JSON.stringify(text)}, but the operator of an agent chooses the address of its published ports; write 8080:80`,
      ),
  );

  it('are at most 256', () => {
    const ports = (count: number) => Array.from({ length: count }, (_, index) => index + 1).join();
    expect(parsePorts(ports(256))).toHaveLength(256);
    expect(parsePorts(ports(257))).toBe('has 257 ports, but at most 256 are allowed');
  });

  it('name those of the host that are chosen by number', () => {
    const ports = parsePorts('80,8080:80/udp,5353:53');
    expect(typeof ports === 'string' ? ports : chosenPorts(ports)).toEqual(['8080/udp', '5353/tcp']);
  });
});
