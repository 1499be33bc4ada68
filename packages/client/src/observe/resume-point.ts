import {
  ObservedKind,
  type ObservePosition,
  type ObserveResponse,
  type ObserveResponse_Change,
  type ObserveResponse_Commit,
} from '@berth/shared/gen/berth/v1/observe_service';

/** One message of a stream of the whole cell. */
export type CellEvent = NonNullable<ObserveResponse['response']>;

/**
 * The position of one subscription across all its streams. If a stream breaks within a commit, the next
 * stream sends that whole commit again. The part that was already sent is left out then.
 */
export class ResumePoint {
  #position: ObservePosition | undefined;
  /** True if a part of a snapshot was sent, but not its end. */
  #isInSnapshot = false;
  #hasBegunAnew = false;
  /** For entities that were sent out of turn, the revision of that change. */
  readonly #beyond = new Map<string, number>();

  /** The start position of the next stream; undefined if it has to begin with a snapshot. */
  get position(): ObservePosition | undefined {
    return this.#position;
  }

  /** True after a reset. The start position of the first stream no longer counts then. */
  get hasBegunAnew(): boolean {
    return this.#hasBegunAnew;
  }

  /**
   * Prepares the next stream. Returns a reset if the subscriber has part of a snapshot and a whole one
   * follows.
   */
  reopen(): CellEvent | undefined {
    if (!this.#isInSnapshot) return undefined;
    this.#isInSnapshot = false;
    const reason = 'the stream broke within its snapshot';
    return { $case: 'reset', value: { afterRevision: 0, toRevision: 0, reason } };
  }

  /** Returns the new part of a message; undefined if nothing in it is new. */
  take(event: CellEvent): CellEvent | undefined {
    switch (event.$case) {
      case 'commits': {
        const commits = event.value.commits.flatMap((commit) => this.#takeCommit(commit));
        return commits.length === 0 ? undefined : { $case: 'commits', value: { commits } };
      }
      case 'snapshot':
        this.#isInSnapshot = true;
        return event;
      case 'counts':
        // The first counts are a snapshot.
        this.#isInSnapshot ||= this.#position === undefined;
        return event;
      case 'snapshotEnd':
      case 'bookmark':
      case 'checkpointReached':
        this.#isInSnapshot = false;
        this.#reach(event.value.position);
        return event;
      case 'reset':
        this.#isInSnapshot = false;
        this.#hasBegunAnew = true;
        this.#position = undefined;
        this.#beyond.clear();
        return event;
      default:
        return event;
    }
  }

  #takeCommit(commit: ObserveResponse_Commit): readonly ObserveResponse_Commit[] {
    const { revision, commitId, incomplete } = commit;
    const changes =
      this.#beyond.size === 0 ? commit.changes : commit.changes.filter((one) => this.#isNew(one, revision));
    if (incomplete) for (const change of changes) this.#beyond.set(keyOf(change), revision);
    else this.#reach({ revision, commitId });
    return changes.length === 0 ? [] : [changes === commit.changes ? commit : { ...commit, changes }];
  }

  #isNew(change: ObserveResponse_Change, revision: number): boolean {
    return revision > (this.#beyond.get(keyOf(change)) ?? 0);
  }

  #reach(position: ObservePosition | undefined): void {
    if (position === undefined) return;
    this.#position = position;
    for (const [key, revision] of this.#beyond) if (revision <= position.revision) this.#beyond.delete(key);
  }
}

const nameOf: Readonly<Partial<Record<ObservedKind, string>>> = {
  [ObservedKind.CLUSTER]: 'cluster',
  [ObservedKind.JOB]: 'job',
  [ObservedKind.JOB_STATUS]: 'jobStatus',
  [ObservedKind.TASK]: 'task',
  [ObservedKind.AGENT]: 'agent',
  [ObservedKind.AGENT_STATUS]: 'agentStatus',
  [ObservedKind.CLUSTER_STATUS]: 'clusterStatus',
  [ObservedKind.JOB_SCALING]: 'jobScaling',
  [ObservedKind.AGENT_DRAIN]: 'agentDrain',
};

/** Returns the stored name of the changed entity. */
function keyOf({ change }: ObserveResponse_Change): string {
  if (change === undefined) return '';
  switch (change.$case) {
    case 'removed':
      return `${nameOf[change.value.kind] ?? ''}/${change.value.id}`;
    case 'jobStatus':
    case 'jobScaling':
      return `${change.$case}/${change.value.jobId}`;
    case 'agentStatus':
    case 'agentDrain':
      return `${change.$case}/${change.value.agentId}`;
    case 'clusterStatus':
      return `clusterStatus/${change.value.clusterId}`;
    default:
      return `${change.$case}/${change.value.id}`;
  }
}
