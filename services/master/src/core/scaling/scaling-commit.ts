import type { CellView } from '@berth/shared/model/cell/cell-view';
import type { Entity } from '@berth/shared/model/cell/entity';
import { instancesOf } from '@berth/shared/model/job/job';
import { withInstances } from '@berth/shared/model/job/stages';
import { toDecision, withDecision } from '@berth/shared/model/scaling/scaled-job';
import type { CommitRequest } from '@berth/store';
import type { SetDecision } from './job-scaler.js';

/**
 * Returns the decisions as one commit: the new numbers of instances, and the record of the reasons. It
 * applies only to the same revision of the job, alive. After a conflict the job is checked anew.
 */
export function scalingCommit(
  cell: CellView,
  job: Entity<'job'>,
  decisions: readonly SetDecision[],
  nowMs: number,
): Omit<CommitRequest, 'actor'> {
  const { id, record, revision } = job;
  const status = cell.find('jobStatus', id);
  const scaling = cell.find('jobScaling', id);
  let [descriptor, history] = [record.descriptor, scaling?.record];
  for (const { stage, proposal } of decisions) {
    if (descriptor === undefined) break;
    const instances = { ...instancesOf(descriptor, stage), desired: proposal.to };
    descriptor = withInstances(descriptor, stage, instances);
    history = withDecision(id, history, toDecision(proposal, stage, nowMs));
  }
  return {
    writes: [
      { kind: 'job', id, record: { ...record, descriptor }, expectedRevision: revision },
      ...(history === undefined
        ? []
        : [{ kind: 'jobScaling', id, record: history, expectedRevision: scaling?.revision ?? 0 } as const]),
    ],
    expects: [{ kind: 'jobStatus', id, revision: status?.revision ?? 0 }],
  };
}
