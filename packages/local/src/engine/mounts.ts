import { readFile } from 'node:fs/promises';
import type { Root } from '../machine/root.js';

/** Returns the mount points at or below `dir` in the text of a mountinfo file, inner ones first. */
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

/** Unmounts everything at or below `dir`. An ended engine leaves its network namespaces mounted. */
export async function unmountBelow(dir: string, root: Root): Promise<void> {
  for (const point of mountsBelow(await readFile('/proc/self/mountinfo', 'utf8'), dir)) {
    // A process that is about to end may still hold the mount. So it is unmounted lazily.
    await root.run('umount', ['-l', point]);
  }
}
