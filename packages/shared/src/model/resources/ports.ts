/*
 * The ports of containers, as jobs write them: `80`, `53/udp`, `8080:80`, `8080:80/tcp`. The number before
 * the colon is the host's.
 */

const protocols = ['tcp', 'udp', 'sctp'] as const;

export type PortProtocol = (typeof protocols)[number];

/** A port of a container that gets a port of its host. */
export interface PublishedPort {
  readonly port: number;
  readonly protocol: PortProtocol;
  /** The host's port that the job has chosen. Absent: the engine chooses one. */
  readonly hostPort?: number;
}

/** The most ports that one container may publish. */
const maxPorts = 256;

/** Returns the ports in their given order, or the fault in the text. */
export function parsePorts(text: string): readonly PublishedPort[] | string {
  const items = text.split(',').map((item) => item.trim());
  if (items.length === 1 && items[0] === '') return [];
  const parsed = items.map(parsePort);
  const bad = parsed.flatMap((one, index) =>
    typeof one === 'string' ? [[JSON.stringify(items[index]), one] as const] : [],
  );
  if (bad.length > 0) return faultsText(bad);
  const ports = parsed.filter((one) => typeof one !== 'string');
  const twice =
    repeated(ports.map(portText)) ?? repeated(chosenPorts(ports).map((port) => `${port} of the host`));
  if (twice !== undefined) return `names port ${twice} twice`;
  if (ports.length > maxPorts) return `has ${ports.length} ports, but at most ${maxPorts} are allowed`;
  return ports;
}

/** Returns one port, or the fault in its text as the end of a sentence. */
export function parsePort(item: string): PublishedPort | string {
  const match = /^(?:(\d+):)?(\d+)(?:\/([a-z]+))?$/i.exec(item);
  if (match === null) return faultOf(item);
  const [, host, inside, named = 'tcp'] = match;
  const protocol = protocols.find((each) => each === named.toLowerCase());
  if (protocol === undefined) return `the protocol is ${protocols.join(', ')}`;
  const numbers = [inside, host].flatMap((digits) => (digits === undefined ? [] : [Number(digits)]));
  if (!numbers.every((number) => number >= 1 && number <= 65_535)) return 'ports are from 1 to 65535';
  const [port = 0, hostPort] = numbers;
  return { port, protocol, ...(hostPort === undefined ? {} : { hostPort }) };
}

/** Returns the port with its protocol: `80/tcp`. */
export function portText({ port, protocol }: PublishedPort): string {
  return `${port}/${protocol}`;
}

/** Returns the ports of the host that are chosen by number, with their protocols. */
export function chosenPorts(ports: readonly PublishedPort[]): readonly string[] {
  return ports.flatMap(({ hostPort, protocol }) =>
    hostPort === undefined ? [] : [`${hostPort}/${protocol}`],
  );
}

/** Names the forms of other systems that Berth does not take. */
function faultOf(item: string): string {
  if (/.:\d*:\d+(\/\w+)?$/.test(item))
    return 'the operator of an agent chooses the address of its published ports; write 8080:80';
  if (/\d-\d/.test(item)) return 'ranges are not taken; write each port';
  return 'a port is written 80, 53/udp or 8080:80, with numbers from 1 to 65535';
}

function faultsText(bad: readonly (readonly [item: string, fault: string])[]): string {
  const byFault = new Map<string, string[]>();
  for (const [item, fault] of bad) byFault.set(fault, [...(byFault.get(fault) ?? []), item]);
  return [...byFault].map(([fault, items]) => `has ${items.join(', ')}, but ${fault}`).join('; ');
}

function repeated(names: readonly string[]): string | undefined {
  return names.find((name, index) => names.indexOf(name) < index);
}
