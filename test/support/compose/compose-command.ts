import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { findOnPath, runCommand } from '@berth/local/machine/command';
import { hasApt, unpackPackage } from '@berth/local/setup/apt';

/** The command line of Compose on this machine. */
export interface ComposeCommand {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Finds Compose: Docker's plugin or `docker-compose`; otherwise the distribution's package, unpacked below
 * `home` without root and without a change of the machine. Undefined if there is none.
 */
export async function obtainCompose(home: string): Promise<ComposeCommand | undefined> {
  const installed = [plain('docker', 'compose'), plain('docker-compose')];
  const unpacked = join(home, 'packages', 'docker-compose');
  for (const candidate of [...installed, ...(await unpackedCommands(unpacked))]) {
    if (await works(candidate)) return candidate;
  }
  if (!(await hasApt())) return undefined;
  process.stderr.write(
    'No Compose on this machine: unpacking the distribution’s docker-compose under .berth/ (no root needed).\n',
  );
  try {
    await unpackPackage('docker-compose', unpacked);
  } catch (error) {
    process.stderr.write(
      `docker-compose could not be fetched: ${error instanceof Error ? error.message : error}\n`,
    );
    return undefined;
  }
  for (const candidate of await unpackedCommands(unpacked)) if (await works(candidate)) return candidate;
  return undefined;
}

function plain(command: string, ...args: string[]): ComposeCommand {
  return { command, args, env: {} };
}

/** The package holds a Python program (version 1) or a binary (version 2). */
async function unpackedCommands(root: string): Promise<ComposeCommand[]> {
  const script = join(root, 'usr', 'bin', 'docker-compose');
  const plugin = join(root, 'usr', 'libexec', 'docker', 'cli-plugins', 'docker-compose');
  const modules = join(root, 'usr', 'lib', 'python3', 'dist-packages');
  // The modules are made for the distribution's Python, which is not always the first one on PATH.
  const pythons = ['/usr/bin/python3', join(root, 'usr', 'bin', 'python3'), await findOnPath('python3')];
  const found = pythons.filter((path) => path !== undefined).filter((path) => existsSync(path));
  return [
    ...(existsSync(plugin) ? [plain(plugin)] : []),
    ...(existsSync(script) ? found : []).map((python) => ({
      command: python,
      args: [script],
      env: { PYTHONPATH: modules },
    })),
  ];
}

async function works({ command, args, env }: ComposeCommand): Promise<boolean> {
  try {
    return (await runCommand(command, [...args, 'version'], { env })).code === 0;
  } catch {
    return false;
  }
}
