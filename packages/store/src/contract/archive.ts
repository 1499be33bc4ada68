/**
 * The archive of a finished job: `fields` by entity field name (`job`, `jobStatus`, `task/ID`), stored bytes.
 * The store keeps all of it for `ttlMs` from the write of the field `job`. Until then it keeps tasks for at
 * least half of that.
 */
export interface ArchiveWrite {
  readonly jobId: string;
  readonly fields: Readonly<Record<string, Uint8Array>>;
  readonly ttlMs: number;
}

/** Reads finished jobs after they have left the replicas. */
export interface Archive {
  /** Returns the archived fields of the job, or undefined. */
  findArchived(jobId: string): Promise<ReadonlyMap<string, Uint8Array> | undefined>;
}
