/*
 * Writes and reads the file for a task's results in a container, as tar archives through Docker's archive
 * calls.
 */
import { pipeline, type Readable } from 'node:stream';
import { extract, pack } from 'tar-stream';
import type { ContainerSpec } from '../../core/container-spec.js';
import { type FileHead, maxResultBytes, resultsDirectory, resultsFile } from '../../core/results.js';

/** Every user of the container can write the file. Nobody needs to execute it. */
const fileMode = 0o666;
const directoryMode = 0o755;

/** True if the directory is a volume, because the container's own file system is read-only. */
export function keepsResultsInVolume({ hasResults, security }: ContainerSpec): boolean {
  return hasResults === true && security?.readOnlyRootfs === true;
}

/** Returns an empty file for results as a tar, and the directory of the container for it. */
export function emptyResults(spec: ContainerSpec): { readonly path: string; readonly tar: Readable } {
  const tar = pack();
  const isInVolume = keepsResultsInVolume(spec);
  const directory = resultsDirectory.slice(1);
  if (!isInVolume) tar.entry({ name: directory, type: 'directory', mode: directoryMode });
  tar.entry({ name: isInVolume ? resultsFile : `${directory}/${resultsFile}`, mode: fileMode }, '');
  tar.finalize();
  return { path: isInVolume ? resultsDirectory : '/', tar };
}

/** Returns the beginning of the only file in the tar. Undefined if there is none. The rest is not read. */
export async function headOfFile(tar: Readable): Promise<FileHead | undefined> {
  const entries = extract();
  // The loop below throws the errors of the source. Reading less than everything is not an error.
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
