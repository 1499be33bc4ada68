import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findOnPath, runChecked } from '../machine/command.js';
import type { Progress } from '../output/progress.js';
import { SetupError } from '../output/setup-error.js';
import { hasApt, unpackPackage } from './apt.js';

/**
 * Returns the path of a statically linked busybox: the machine's, or the distribution's package unpacked
 * under `home`. Rejects with a `SetupError` if there is neither.
 */
export async function obtainBusybox(home: string, progress: Progress): Promise<string> {
  const onPath = await findOnPath('busybox');
  if (onPath !== undefined && isStatic(await readFile(onPath))) return onPath;
  const unpacked = join(home, 'packages', 'busybox-static');
  const found = binaryIn(unpacked);
  if (found !== undefined) return found;
  const whatToDo = 'Install it (Debian: `apt-get install busybox-static`).';
  if (!(await hasApt()))
    throw new SetupError(`There is no static busybox to make an image from. ${whatToDo}`);
  try {
    await progress.step('Fetch busybox for the demo image', () => unpackPackage('busybox-static', unpacked));
  } catch (cause) {
    throw new SetupError(`The busybox-static package could not be fetched. ${whatToDo}`, { cause });
  }
  const fetched = binaryIn(unpacked);
  if (fetched === undefined) throw new SetupError(`The busybox-static package holds no busybox. ${whatToDo}`);
  return fetched;
}

function binaryIn(unpacked: string): string | undefined {
  return ['bin/busybox', 'usr/bin/busybox']
    .map((path) => join(unpacked, path))
    .find((path) => existsSync(path));
}

/** Returns the names of the commands in a busybox. */
export async function busyboxApplets(path: string): Promise<string[]> {
  const listed = await runChecked(path, ['--list']);
  return listed.stdout.split('\n').filter((name) => name !== '');
}

const elfMagic = Buffer.from('\u007fELF', 'latin1');
const elf64 = 2;
const littleEndian = 1;
const programHeaderInterpreter = 3;

/** True if a 64-bit little-endian ELF file runs without a dynamic linker; false for any other file. */
export function isStatic(file: Buffer): boolean {
  if (file.length < 64 || !file.subarray(0, 4).equals(elfMagic)) return false;
  if (file[4] !== elf64 || file[5] !== littleEndian) return false;
  const tableOffset = Number(file.readBigUInt64LE(0x20));
  const entryBytes = file.readUInt16LE(0x36);
  const entries = file.readUInt16LE(0x38);
  for (let index = 0; index < entries; index += 1) {
    const at = tableOffset + index * entryBytes;
    if (at + 4 > file.length) return false;
    if (file.readUInt32LE(at) === programHeaderInterpreter) return false;
  }
  return true;
}
