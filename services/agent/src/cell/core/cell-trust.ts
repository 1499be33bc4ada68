/** The store that the agents reach, and the containers on their hosts. */
export interface CellFindings {
  /** The id in the store. Undefined: the store is empty, or no master has led in it yet. */
  readonly found: string | undefined;
  /** The id of the cell that this process serves. Undefined at first. */
  readonly known: string | undefined;
  /** The ids that the containers bear. Undefined for a container of an earlier version of Berth. */
  readonly containers: readonly (string | undefined)[];
  /** The id that the operator lets the agents follow, though their containers have another. */
  readonly adopted: string | undefined;
}

/** True if the agents serve the cell with that id from now on. Otherwise they hold. */
export type CellTrust =
  | { readonly trusted: true; readonly cellId: string | undefined }
  /** `owner` is the id of the cell that the containers belong to. */
  | { readonly trusted: false; readonly owner: string };

/**
 * Decides if the agents may act on the store. An empty or another store assigns no task to them: they would
 * stop each container of their cell. Agents without containers have nothing to lose. PURE.
 */
export function trustIn({ found, known, containers, adopted }: CellFindings): CellTrust {
  const owners = containers.map((cellId) => cellId ?? known);
  const owner = owners.find((cellId) => cellId !== undefined && cellId !== found);
  if (owner === undefined || (found !== undefined && found === adopted))
    return { trusted: true, cellId: found };
  return { trusted: false, owner };
}
