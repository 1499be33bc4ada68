import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { findOnPath } from '../machine/command.js';
import type { Root } from '../machine/root.js';
import type { Progress } from '../output/progress.js';
import { SetupError } from '../output/setup-error.js';
import { obtainBusybox } from '../setup/busybox.js';

/** The bridge that every Docker engine makes and uses by default. */
export const defaultBridge = 'docker0';

/**
 * Returns the name of the bridge of an engine that lives in `dir`. It serves if another engine has the
 * default bridge: two engines on one bridge would assign the same addresses. Interface names have at most 15
 * characters.
 */
export function bridgeName(dir: string): string {
  return `berth-${createHash('sha256').update(dir).digest('hex').slice(0, 8)}`;
}

/** True if there is a network interface of this name. */
export function interfaceExists(name: string): boolean {
  return existsSync(`/sys/class/net/${name}`);
}

/** Returns the process ids of all Docker engines on this machine. */
export async function runningEngines(): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const engines: number[] = [];
  for (const pid of pids) {
    // The process may end between the listing and this read.
    const name = await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '');
    if (name.trim() === 'dockerd') engines.push(Number(pid));
  }
  return engines;
}

/** Makes a missing bridge, with an address in a network that this machine does not use yet. */
export async function ensureBridge(name: string, tool: NetworkTool): Promise<void> {
  if (interfaceExists(name)) return;
  const address = freeBridgeAddress([
    ...usedAddresses(),
    ...routedNetworks(await readFile('/proc/net/route', 'utf8')),
  ]);
  if (address === undefined) throw new SetupError('No free private network was found for the containers.');
  await tool('link', 'add', name, 'type', 'bridge');
  await tool('addr', 'add', address, 'dev', name);
  await tool('link', 'set', name, 'up');
}

/** Removes a bridge, if it is there. */
export async function removeBridge(name: string, tool: NetworkTool): Promise<void> {
  if (interfaceExists(name)) await tool('link', 'del', name);
}

/** Runs `ip` as root with these arguments. */
type NetworkTool = (...args: readonly string[]) => Promise<unknown>;

/** Returns the machine's `ip`. A small machine may lack it; then busybox has one. */
export async function networkTool(root: Root, home: string, progress: Progress): Promise<NetworkTool> {
  const ip = await findOnPath('ip');
  if (ip !== undefined) return (...args) => root.run(ip, args);
  const busybox = await obtainBusybox(home, progress);
  return (...args) => root.run(busybox, ['ip', ...args]);
}

function usedAddresses(): string[] {
  return Object.values(networkInterfaces()).flatMap(
    (entries) => entries?.map((entry) => entry.address) ?? [],
  );
}

/**
 * Returns the networks of the kernel's routes. An idle bridge has a route, although it counts as no running
 * interface.
 */
export function routedNetworks(routes: string): string[] {
  const destinations = routes
    .split('\n')
    .slice(1)
    .map((line) => line.split('\t')[1] ?? '');
  return destinations.filter((hex) => /^[0-9A-F]{8}$/.test(hex)).map(addressOf);
}

/** The kernel writes the last byte of an address first. */
function addressOf(hex: string): string {
  const bytes = hex.match(/../g) ?? [];
  return bytes
    .toReversed()
    .map((byte) => Number.parseInt(byte, 16))
    .join('.');
}

const firstCandidate = 200;
const lastCandidate = 250;

/** Returns the address of a bridge in the first unused network from 10.200.0.0/16 to 10.250.0.0/16. */
export function freeBridgeAddress(used: readonly string[]): string | undefined {
  for (let second = firstCandidate; second <= lastCandidate; second += 1) {
    if (!used.some((address) => address.startsWith(`10.${second}.`))) return `10.${second}.0.1/16`;
  }
  return undefined;
}
