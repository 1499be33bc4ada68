/* The file for a task's results in a container's file system, through the engine's archive calls: tar both ways. */
import { pipeline, type Readable } from 'node:stream';
import { extract, pack } from 'tar-stream';
import type { ContainerSpec } from '../../core/container-spec.js';
import { type FileHead, maxResultBytes, resultsDirectory, resultsFile } from '../../core/results.js';

/** Whoever the container's user is may write it; nobody needs to run it. */
const fileMode = 0o666;
const directoryMode = 0o755;

/** Whether the directory is a volume, since the container's own file system cannot be written. */
export function keepsResultsInVolume({ hasResults, security }: ContainerSpec): boolean {
  return hasResults === true && security?.readOnlyRootfs === true;
}

/** An empty file for results, as a tar, and the directory of the container in which it is to be unpacked. */
export function emptyResults(spec: ContainerSpec): { readonly path: string; readonly tar: Readable } {
  const tar = pack();
  const isInVolume = keepsResultsInVolume(spec);
  const directory = resultsDirectory.slice(1);
  if (!isInVolume) tar.entry({ name: directory, type: 'directory', mode: directoryMode });
  tar.entry({ name: isInVolume ? resultsFile : `${directory}/${resultsFile}`, mode: fileMode }, '');
  tar.finalize();
  return { path: isInVolume ? resultsDirectory : '/', tar };
}

/** The beginning of the only file in the tar; undefined where it holds none. What follows is not read. */
export async function headOfFile(tar: Readable): Promise<FileHead | undefined> {
  const entries = extract();
  // What goes wrong with the source is thrown where the entries are read; that reading ends early is no failure.
  pipeline(tar, entries, () => {});
  for await (const entry of entries) {
    if (entry.header.type !== 'file') return undefined;
    return { bytes: await beginningOf(entry), size: entry.header.size ?? 0 };
  }
  return undefined;
}

async function beginningOf(entry: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of entry) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes >= maxResultBytes) break;
  }
  return Buffer.concat(chunks).subarray(0, maxResultBytes);
}
