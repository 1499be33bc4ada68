/** The results of a task, within bounds. */

/** The file that `BERTH_RESULTS` names in a container. Its directory is made with the container. */
export const resultsDirectory = '/berth';
export const resultsFile = 'results';
export const resultsPath = `${resultsDirectory}/${resultsFile}`;

/**
 * The bytes of the file that are read, and the lines that are reported. Results describe the work; they are
 * not the work itself.
 */
export const maxResultBytes = 64 * 1024;
export const maxResultLines = 1000;

/** The beginning of a file. */
export interface FileHead {
  readonly bytes: Uint8Array;
  /** The size of the whole file. */
  readonly size: number;
}

/** Returns the lines of the file, if there is one. If some are cut off, one more line says so. */
export function resultsIn(file: FileHead | undefined): readonly string[] {
  if (file === undefined) return [];
  const { bytes, size } = file;
  const kept = bytes.subarray(0, maxResultBytes);
  const lines = linesOf(new TextDecoder().decode(kept));
  if (size > kept.length)
    return [
      ...lines.slice(0, maxResultLines),
      cut(`${kept.length} of ${size} bytes, at most ${maxResultLines} lines`),
    ];
  if (lines.length <= maxResultLines) return lines;
  return [...lines.slice(0, maxResultLines), cut(`${maxResultLines} of ${lines.length} lines`)];
}

/** Returns lines without their ends. If the file was cut off, the last line may be incomplete. */
function linesOf(text: string): readonly string[] {
  const lines = text.split('\n').map((line) => line.replace(/\r+$/, ''));
  return lines.at(-1) === '' ? lines.slice(0, -1) : lines;
}

function cut(kept: string): string {
  return `[berth: cut off; kept ${kept}]`;
}
