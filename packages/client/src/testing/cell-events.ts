import {
  type DeepPartial,
  ObserveResponse,
  type ObserveResponse_Change,
} from '@berth/shared/gen/berth/v1/observe_service';
import { State } from '@berth/shared/gen/netflix/titus/titus_job_api';
import type { CellEvent } from '../observe/resume-point.js';

type Change = DeepPartial<ObserveResponse_Change>;

/**
 * Messages of a stream of the whole cell, for tests of its readers. The commit of revision N has the id cN.
 */
export const cellEvents = {
  reset: event({ $case: 'reset', value: { afterRevision: 1, toRevision: 9, reason: 'a test' } }),
  snapshot: (...entities: readonly Change[]) =>
    event({ $case: 'snapshot', value: { entities: [...entities] } }),
  snapshotEnd: (revision: number) =>
    event({ $case: 'snapshotEnd', value: { position: positionOf(revision) } }),
  bookmark: (revision: number) =>
    event({ $case: 'bookmark', value: { position: positionOf(revision), atMs: 1 } }),
  commit: (revision: number, ...changes: readonly Change[]) => commits(revision, changes, false),
  /** Changes that were sent out of turn: changes of earlier commits may follow. */
  outOfTurn: (revision: number, ...changes: readonly Change[]) => commits(revision, changes, true),
};

/** Changes of entities. */
export const changes = {
  job: (id: string): Change => ({ change: { $case: 'job', value: { id, descriptor: { appName: id } } } }),
  jobStatus: (jobId: string, state: State): Change => ({
    change: { $case: 'jobStatus', value: { jobId, state: { state } } },
  }),
  task: (id: string, state: State = State.RUNNING): Change => ({
    change: { $case: 'task', value: { id, state: { state } } },
  }),
};

function positionOf(revision: number): { readonly revision: number; readonly commitId: string } {
  return { revision, commitId: `c${revision}` };
}

function commits(revision: number, made: readonly Change[], incomplete: boolean): CellEvent {
  const commit = { ...positionOf(revision), incomplete, changes: [...made] };
  return event({ $case: 'commits', value: { commits: [commit] } });
}

function event(response: NonNullable<DeepPartial<ObserveResponse>['response']>): CellEvent {
  const made = ObserveResponse.fromPartial({ response }).response;
  if (made === undefined) throw new Error('a response');
  return made;
}
