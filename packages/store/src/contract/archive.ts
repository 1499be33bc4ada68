/**
 * The archive of a finished job: `fields` by entity field name (`job`, `jobStatus`, `task/ID`), stored bytes.
 * The store keeps it for `ttlMs` from the write of the field `job`. Until then it keeps tasks for at least
 * half of that. Of one job it keeps at least the last `archivePartBytes`, and at most twice as much:
 * a service whose tasks crash all the time must not fill the store.
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
  /** Returns one archived field of the job, or undefined. It costs the store no more than that field. */
  findArchivedField(jobId: string, field: string): Promise<Uint8Array | undefined>;
}
