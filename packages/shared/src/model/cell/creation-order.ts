import { type AnyEntity, entityKinds } from './entity.js';

/** The facts that give an item its position in a list. */
export interface Created {
  readonly id: string;
  readonly createdAtMs: number;
}

/** Orders items by their time of creation. Of two with the same time the smaller id comes first. */
export function byCreation(a: Created, b: Created): number {
  return a.createdAtMs - b.createdAtMs || compareText(a.id, b.id);
}

/**
 * Orders entities by kind, and within a kind by their time of creation. A snapshot comes in no order. This is
 * the order of the log, as far as the records' own times show it.
 */
export function byKindAndCreation(a: AnyEntity, b: AnyEntity): number {
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
    case 'clusterRuns':
      // Their job, agent or cluster gives them their order.
      return 0;
  }
}

/** Orders tasks with the same time of creation by job, stage, slot and attempt. */
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
