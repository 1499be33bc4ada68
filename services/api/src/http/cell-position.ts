/** Where in the cell's history a message of berth.v1 leaves its reader. */
import { isObject } from './check-json.js';

/**
 * The position that the reader of this `ObserveResponse` has reached, as `REVISION:COMMIT`; undefined where it is none to
 * resume from.
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
  // The revision 0 of an empty cell is left out, as every default is.
  return `${position.revision ?? 0}:${position.commitId ?? ''}`;
}
