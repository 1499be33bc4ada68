import {
  ObservedKind,
  type ObserveResponse,
  type ObserveResponse_Change,
} from '@berth/shared/gen/berth/v1/observe_service';
import { isTerminal, State } from '@berth/shared/model/task/task-state';

type Position = { readonly revision: number; readonly commitId: string };

const kindOf = {
  cluster: ObservedKind.CLUSTER,
  job: ObservedKind.JOB,
  jobStatus: ObservedKind.JOB_STATUS,
  task: ObservedKind.TASK,
  agent: ObservedKind.AGENT,
  agentStatus: ObservedKind.AGENT_STATUS,
  clusterStatus: ObservedKind.CLUSTER_STATUS,
  jobScaling: ObservedKind.JOB_SCALING,
  agentDrain: ObservedKind.AGENT_DRAIN,
} as const;

/**
 * A subscriber of the whole cell that trusts only the promises of a stream. It throws at once if the stream
 * breaks one: a revision goes back, a change comes before the end of the snapshot, or a task's state goes
 * back.
 */
export class CellMirror {
  /** The last state of each entity, by kind and id. */
  readonly entities = new Map<string, NonNullable<ObserveResponse_Change['change']>>();
  readonly received: NonNullable<ObserveResponse['response']>[] = [];
  /** The position to resume from; undefined until there is one. */
  position: Position | undefined;
  /** True once the snapshot or the missed changes are complete. */
  isLive = false;
  /** The number of changes besides the snapshot. */
  changes = 0;
  resets = 0;
  #revision = 0;
  #isInSnapshot = true;

  receive(message: ObserveResponse): void {
    const { response } = message;
    if (response === undefined) throw new Error('an empty message');
    this.received.push(response);
    switch (response.$case) {
      case 'snapshot':
        this.#check(this.#isInSnapshot, 'a snapshot after its end');
        for (const { change } of response.value.entities) this.#put(change, true);
        return;
      case 'snapshotEnd':
        this.#check(this.#isInSnapshot, 'the snapshot ended twice');
        this.#isInSnapshot = false;
        return this.#reach(response.value.position);
      case 'commits':
        for (const commit of response.value.commits) this.#commit(commit);
        return;
      case 'bookmark':
      case 'checkpointReached':
        return this.#reach(response.value.position);
      case 'reset':
        this.entities.clear();
        this.#isInSnapshot = true;
        this.isLive = false;
        this.resets += 1;
        this.#revision = 0;
        return;
      case 'counts':
        throw new Error('counts that nobody asked for');
    }
  }

  /** Must be called before a new stream resumes at the end of this one. */
  resume(): Position {
    if (this.position === undefined) throw new Error('nothing to resume from');
    this.#isInSnapshot = false;
    this.#revision = this.position.revision;
    this.isLive = false;
    return this.position;
  }

  /** Must be called before a new stream begins with a snapshot. */
  restart(): void {
    this.entities.clear();
    this.#isInSnapshot = true;
    this.#revision = 0;
    this.isLive = false;
  }

  #commit(commit: {
    revision: number;
    commitId: string;
    changes: ObserveResponse_Change[];
    incomplete: boolean;
  }) {
    const { revision, commitId, incomplete } = commit;
    this.#check(!this.#isInSnapshot, 'a change before the end of the snapshot');
    this.#check(revision >= this.#revision, `revision ${revision} came after revision ${this.#revision}`);
    this.#revision = revision;
    for (const { change } of commit.changes) {
      this.#put(change, false);
      this.changes += 1;
    }
    if (!incomplete) this.position = { revision, commitId };
  }

  #reach(position: Position | undefined): void {
    this.#check(position !== undefined, 'a mark without a position');
    this.#check((position?.revision ?? 0) >= this.#revision, 'a mark that goes back');
    this.#revision = position?.revision ?? 0;
    this.position = position;
    this.isLive = true;
  }

  #put(change: ObserveResponse_Change['change'], isSnapshot: boolean): void {
    if (change === undefined) throw new Error('an empty change');
    if (change.$case === 'removed') {
      this.entities.delete(`${change.value.kind}/${change.value.id}`);
      return;
    }
    const id = idOf(change);
    const key = `${kindOf[change.$case]}/${id}`;
    const before = this.entities.get(key);
    this.#check(!isSnapshot || before === undefined, `${key} came twice in the snapshot`);
    if (before?.$case === 'task' && change.$case === 'task') {
      const [from, to] = [
        before.value.state?.state ?? State.QUEUED,
        change.value.state?.state ?? State.QUEUED,
      ];
      this.#check(to >= from && (!isTerminal(from) || from === to), `${id} went back from ${from} to ${to}`);
      const isGrown = change.value.stateChanges.length >= before.value.stateChanges.length;
      this.#check(isGrown, `${id} has a shorter history than before`);
    }
    this.entities.set(key, change);
  }

  #check(holds: boolean, what: string): void {
    if (!holds) throw new Error(what);
  }
}

type EntityChange = Exclude<NonNullable<ObserveResponse_Change['change']>, { $case: 'removed' }>;

function idOf(change: EntityChange): string {
  switch (change.$case) {
    case 'jobStatus':
    case 'jobScaling':
      return change.value.jobId;
    case 'clusterStatus':
      return change.value.clusterId;
    case 'agentStatus':
    case 'agentDrain':
      return change.value.agentId;
    default:
      return change.value.id;
  }
}
