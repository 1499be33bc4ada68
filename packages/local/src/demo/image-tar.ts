import type { Readable } from 'node:stream';
import { pack } from 'tar-stream';

/** Every file of an image has this time. So the same busybox gives the same layer. */
const mtime = new Date(0);

const directories: ReadonlyArray<readonly [name: string, mode: number]> = [
  ['bin', 0o755],
  ['dev', 0o755],
  ['etc', 0o755],
  ['proc', 0o755],
  ['root', 0o700],
  ['sys', 0o755],
  ['tmp', 0o1777],
  ['var', 0o755],
];

const textFiles: ReadonlyArray<readonly [name: string, text: string]> = [
  ['etc/passwd', 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n'],
  ['etc/group', 'root:x:0:\nnogroup:x:65534:\n'],
];

/**
 * Builds the file system of a small image as a tar: a busybox, a link for each of its `applets`, and the
 * usual directories.
 */
export function imageTar(busybox: Buffer, applets: readonly string[]): Readable {
  const tar = pack();
  for (const [name, mode] of directories) tar.entry({ name, type: 'directory', mode, mtime });
  for (const [name, text] of textFiles) tar.entry({ name, mode: 0o644, mtime }, text);
  tar.entry({ name: 'bin/busybox', mode: 0o755, mtime }, busybox);
  for (const applet of applets.filter((name) => name !== 'busybox')) {
    tar.entry({ name: `bin/${applet}`, type: 'symlink', linkname: 'busybox', mtime });
  }
  tar.finalize();
  return tar;
}
