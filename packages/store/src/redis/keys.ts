import { BerthError } from '@berth/shared/model/errors/errors';

/**
 * The names of a cell's keys. All bear the hash tag `{cell}`, so they share one hash slot of a Redis Cluster.
 */
export interface CellKeys {
  /** Hash: under {@link cellIdField} the id of the cell, which its first master has made up. */
  readonly cell: string;
  /** Hash: `KIND/ID` → revision (8 bytes, big-endian), then the record's Protobuf bytes. */
  readonly entities: string;
  /** Stream of commits; an entry's id is `REVISION-0`, and its writes are one value. */
  readonly log: string;
  /** Hash: `revision` and `commitId` of the last entry of the log. */
  readonly head: string;
  /** String with expiry: written before each wait for replicas of Redis. */
  readonly confirmed: string;
  /** String: the epoch of the newest lease. */
  readonly epoch: string;
  /** String with expiry: `EPOCH HOLDER` of the lease that is held. */
  readonly leader: string;
  /** Sorted set: agent id → time of its last heartbeat, in milliseconds of Redis's clock. */
  readonly heartbeats: string;
  /** Sorted set: job id → time of its last observation, in milliseconds of Redis's clock. */
  readonly subscribed: string;
  /**
   * Stream of TaskReports that no commit has acknowledged. Each entry is a batch, and its reports are one
   * value.
   */
  readonly reports: string;
  /** Sharded channel, no key: SampleBatches for all present listeners. */
  readonly samples: string;
  /** Hash: task id → Assignment of this agent. */
  assigned(agentId: string): string;
  /**
   * Stream of changes to `assigned` of the agents on this feed. Each entry is a commit, and its changes are
   * one value.
   */
  assignments(feed: string): string;
  /** String: the owner of a claimed name. */
  claim(name: string): string;
  /** Hash with expiry: the archive of a job, and under {@link archivedBytes} the bytes written to it. */
  archive(jobId: string): string;
  /** The older part of the job's archive. */
  olderArchive(jobId: string): string;
  /** String with expiry: `REVISION TIME` of a commit that was applied. */
  commit(commitId: string): string;
}

/** The field of an archive that counts its bytes. No entity has such a name. */
export const archivedBytes = '#bytes';

/** The field with the id of the cell. */
export const cellIdField = 'id';

const cellName = /^[A-Za-z0-9._-]{1,64}$/;

/**
 * Returns every key name of the cell. Fails with BerthError `invalidArgument` for a name that cannot be a
 * hash tag.
 */
export function cellKeys(cell: string): CellKeys {
  if (!cellName.test(cell)) {
    throw new BerthError(
      'invalidArgument',
      `${JSON.stringify(cell)} is no name for a cell: use 1 to 64 letters, digits, dots, dashes and underscores.`,
    );
  }
  const key = (name: string) => `berth:{${cell}}:${name}`;
  return {
    cell: key('cell'),
    entities: key('entities'),
    log: key('log'),
    head: key('head'),
    confirmed: key('confirmed'),
    epoch: key('epoch'),
    leader: key('leader'),
    heartbeats: key('heartbeats'),
    subscribed: key('subscribed'),
    reports: key('reports'),
    samples: key('samples'),
    assigned: (agentId) => key(`assigned:${agentId}`),
    assignments: (feed) => key(`assignments:${feed}`),
    claim: (name) => key(`claim:${name}`),
    archive: (jobId) => key(`archive:${jobId}`),
    olderArchive: (jobId) => key(`archive:${jobId}:older`),
    commit: (commitId) => key(`commit:${commitId}`),
  };
}
