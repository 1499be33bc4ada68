import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findOnPath, runCommand } from '../machine/command.js';
import type { Progress } from '../output/progress.js';
import { describeError } from '../output/setup-error.js';
import { hasApt, libraryDirs, unpackPackage } from './apt.js';

/** A Python that knows gRPC and Protobuf, or the reason for its absence. */
type PythonGrpc = { readonly python: string } | { readonly missing: string };

const distribution = '/usr/bin/python3';
const packages = ['python3-grpcio', 'python3-protobuf'] as const;
const imports = 'import grpc, google.protobuf.descriptor_pool, google.protobuf.message_factory';

/**
 * Finds a `python3` that can be a gRPC client: the one on PATH, the distribution's, or the distribution's
 * with its packages unpacked under `home`. The last needs no root. It never rejects, since only the tests
 * with another gRPC stack need it.
 */
export async function obtainPythonGrpc(home: string, progress: Progress): Promise<PythonGrpc> {
  const onPath = await findOnPath('python3');
  for (const python of [onPath, distribution])
    if (python !== undefined && (await knowsGrpc(python))) return { python };
  if (!existsSync(distribution)) return { missing: `there is no ${distribution}` };
  const unpacked = join(home, 'packages', 'python3-grpc');
  const python = join(unpacked, 'python3');
  try {
    if (!existsSync(python)) await fetchPackages(unpacked, progress);
  } catch (error) {
    return { missing: `${packages.join(' and ')} could not be fetched: ${describeError(error)}` };
  }
  if (await knowsGrpc(python)) return { python };
  return { missing: `${packages.join(' and ')} were unpacked, but cannot be imported` };
}

async function knowsGrpc(python: string): Promise<boolean> {
  const result = await runCommand(python, ['-c', imports]).catch(() => undefined);
  return result?.code === 0;
}

async function fetchPackages(into: string, progress: Progress): Promise<void> {
  if (!(await hasApt())) throw new Error('there is no apt to fetch them with');
  await progress.step(`Fetch ${packages.join(' and ')} (no root needed)`, async () => {
    for (const name of packages) await unpackPackage(name, join(into, name));
  });
  await writeLauncher(into);
}

/**
 * Writes a script that starts the distribution's Python with the unpacked packages beside it. The script
 * works after a move of the clone.
 */
async function writeLauncher(into: string): Promise<void> {
  const libraries: string[] = [];
  for (const name of packages)
    for (const dir of await libraryDirs(join(into, name))) libraries.push(`$here/${name}/${dir}`);
  const modules = packages.map((name) => `$here/${name}/usr/lib/python3/dist-packages`);
  const script = `#!/bin/sh
here=$(dirname "$0")
export LD_LIBRARY_PATH="${libraries.join(':')}"
export PYTHONPATH="${modules.join(':')}"
exec ${distribution} "$@"
`;
  await writeFile(join(into, 'python3'), script, { mode: 0o755 });
}
