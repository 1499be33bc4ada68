import { isIPv4 } from 'node:net';
import { BerthError } from '../model/errors/errors.js';

/** The address of a server. IPv6 hosts stand without brackets; port 0 means any free one. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** `host:port`, with brackets around an IPv6 host. */
export function formatAddress({ host, port }: ListenAddress): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Reads `host:port` or `[v6]:port`; undefined when it is neither. */
export function parseAddress(text: string): ListenAddress | undefined {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]+)):(\d{1,5})$/.exec(text.trim());
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  return host === undefined || port > 65535 ? undefined : { host, port };
}

/** True if only this machine can reach the address. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));
}

const bindProblems: ReadonlyMap<string, string> = new Map([
  ['EADDRINUSE', 'another process listens there already'],
  ['EACCES', 'this user may not listen on that port'],
  ['EADDRNOTAVAIL', 'this machine has no such address'],
  ['ENOTFOUND', 'the host name is not known'],
]);

/** Returns one sentence for a server that cannot listen. Libraries give the failure different shapes. */
export function listenError(what: string, address: ListenAddress, cause: unknown): BerthError {
  const text = cause instanceof Error ? cause.message : String(cause);
  const known = [...bindProblems].find(([code]) => text.includes(code));
  const why = known?.[1] ?? text;
  return new BerthError('unavailable', `The ${what} cannot listen on ${formatAddress(address)}: ${why}.`, {
    cause,
  });
}
