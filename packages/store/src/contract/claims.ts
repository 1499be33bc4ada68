/** A name that only one owner holds at a time. The commit takes it, or fails. */
export interface Claim {
  readonly name: string;
  readonly owner: string;
  /** The life of the claim. It lasts until its release if absent. */
  readonly ttlMs?: number;
  /** An owner that no longer needs the name: the claim may take it over from this one. */
  readonly takenFrom?: string;
}

/** Gives a name back, if this owner still holds it. */
export type Release = Pick<Claim, 'name' | 'owner'>;

/** Reads claims. */
export interface Claims {
  /** Returns the owner of the name, or undefined. The answer may be out of date a moment later. */
  findClaim(name: string): Promise<string | undefined>;
}
