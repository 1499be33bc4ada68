/** What a task leaves behind for whoever scheduled it, within bounds. */

/** Where a container finds the file that `BERTH_RESULTS` names. Its directory is made with the container. */
export const resultsDirectory = '/berth';
export const resultsFile = 'results';
export const resultsPath = `${resultsDirectory}/${resultsFile}`;

/** Bytes of the file that are read, and lines of it that are told: a result is a word on the work, not the work. */
export const maxResultBytes = 64 * 1024;
export const maxResultLines = 1000;

/** The beginning of a file. */
export interface FileHead {
  readonly bytes: Uint8Array;
  /** Of the whole file. */
  readonly size: number;
}

/** The lines of the file, if there is one. Where some are cut off, one more line says so. */
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

/** Without their ends; where the file was cut off, its last line may have half of one. */
function linesOf(text: string): readonly string[] {
  const lines = text.split('\n').map((line) => line.replace(/\r+$/, ''));
  return lines.at(-1) === '' ? lines.slice(0, -1) : lines;
}

function cut(kept: string): string {
  return `[berth: cut off; kept ${kept}]`;
}
