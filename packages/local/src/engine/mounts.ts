import { readFile } from 'node:fs/promises';
import type { Root } from '../machine/root.js';

/** The mount points at or below `dir` in the text of a mountinfo file, those inside others first. */
export function mountsBelow(mountInfo: string, dir: string): string[] {
  return mountInfo
    .split('\n')
    .map((line) => unescapeMountPoint(line.split(' ')[4] ?? ''))
    .filter((point) => point === dir || point.startsWith(`${dir}/`))
    .sort((a, b) => b.length - a.length);
}

/** mountinfo writes blanks and backslashes as octal numbers. */
function unescapeMountPoint(field: string): string {
  return field.replace(/\\(\d{3})/g, (_match, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
}

/** Unmounts all that is mounted at or below `dir`: an engine that has ended leaves its network namespaces mounted. */
export async function unmountBelow(dir: string, root: Root): Promise<void> {
  for (const point of mountsBelow(await readFile('/proc/self/mountinfo', 'utf8'), dir)) {
    // Lazily, because a process that is just ending may hold it a moment longer.
    await root.run('umount', ['-l', point]);
  }
}
