import type { AnyEntity } from '@berth/shared/model/cell/entity';
import { entityKinds } from '@berth/shared/model/cell/entity';

/**
 * Orders entities by kind and, within a kind, by their time of creation. A snapshot comes in no order; this gives it the
 * one in which the log would have told it, as far as the records' own times tell.
 */
export function byCreation(a: AnyEntity, b: AnyEntity): number {
  return (
    entityKinds.indexOf(a.kind) - entityKinds.indexOf(b.kind) ||
    createdAtMs(a) - createdAtMs(b) ||
    slotOrder(a, b) ||
    compareText(a.id, b.id)
  );
}

function createdAtMs(entity: AnyEntity): number {
  switch (entity.kind) {
    case 'cluster':
    case 'job':
    case 'task':
      return entity.record.createdAtMs;
    case 'agent':
      return entity.record.registeredAtMs;
    case 'taskStop':
      return entity.record.wish?.atMs ?? 0;
    case 'agentDrain':
      return entity.record.wish?.atMs ?? 0;
    case 'jobStatus':
    case 'jobScaling':
    case 'agentStatus':
    case 'clusterStatus':
      // These live and die with their job, agent or cluster, in whose order they are asked for.
      return 0;
  }
}

/** Tasks that were created together stand in the order of their stages and slots. */
function slotOrder(a: AnyEntity, b: AnyEntity): number {
  if (a.kind !== 'task' || b.kind !== 'task') return 0;
  return (
    compareText(a.record.jobId, b.record.jobId) ||
    a.record.stage - b.record.stage ||
    a.record.slot - b.record.slot ||
    a.record.attempt - b.record.attempt
  );
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
