/** Reads the position in the cell's history from a message of berth.v1. */
import { isObject } from './check-json.js';

/**
 * Returns the position that the reader of this `ObserveResponse` has reached, as `REVISION:COMMIT`; undefined
 * if no stream can resume from it.
 */
export function positionAfter(json: unknown): string | undefined {
  if (!isObject(json)) return undefined;
  const { snapshotEnd, bookmark, commits } = json;
  if (isObject(snapshotEnd)) return written(snapshotEnd.position);
  if (isObject(bookmark)) return written(bookmark.position);
  const last = isObject(commits) && Array.isArray(commits.commits) ? commits.commits.at(-1) : undefined;
  return isObject(last) && last.incomplete !== true ? written(last) : undefined;
}

function written(position: unknown): string | undefined {
  if (!isObject(position)) return undefined;
  // JSON omits the revision 0 of an empty cell because it omits every default.
  return `${position.revision ?? 0}:${position.commitId ?? ''}`;
}
