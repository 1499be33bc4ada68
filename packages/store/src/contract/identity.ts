/** The identity of the cell in a store. An emptied store, or another one, has another id, or none. */
export interface CellIdentity {
  /** Returns the id of the cell. Undefined if no master has led in this store yet. */
  findCellId(): Promise<string | undefined>;
  /** Gives the cell this id, unless it has one. Returns the id that the cell has. */
  establishCellId(proposed: string): Promise<string>;
}
