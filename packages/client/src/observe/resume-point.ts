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
 * How far one subscription has come, over all the streams that it has had. Where a stream broke off in the middle of a commit
 * the next one tells all of that commit; what was told already is left out.
 */
export class ResumePoint {
  #position: ObservePosition | undefined;
  /** Whether a part of a snapshot has been told, and not its end. */
  #isInSnapshot = false;
  #hasBegunAnew = false;
  /** The revision up to which an entity was told beyond the position. */
  readonly #beyond = new Map<string, number>();

  /** Where the next stream is to begin; undefined where it has to begin with a snapshot. */
  get position(): ObservePosition | undefined {
    return this.#position;
  }

  /** Whether what was known when the first stream began has been forgotten. */
  get hasBegunAnew(): boolean {
    return this.#hasBegunAnew;
  }

  /**
   * To be called when another stream is to follow. What the subscriber must be told first, where it has a part of a
   * snapshot that will be followed by a whole one.
   */
  reopen(): CellEvent | undefined {
    if (!this.#isInSnapshot) return undefined;
    this.#isInSnapshot = false;
    const reason = 'the stream broke off within its snapshot';
    return { $case: 'reset', value: { afterRevision: 0, toRevision: 0, reason } };
  }

  /** What of a message is news; undefined where nothing is. */
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
        // The first ones are a snapshot.
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

/** The stored name of what changed. */
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
