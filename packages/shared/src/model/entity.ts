import type {
  AgentRecord,
  AgentStatusRecord,
  ClusterRecord,
  JobRecord,
  JobStatusRecord,
  TaskRecord,
  TaskStopRecord,
} from '../gen/berth/v1/store.js';

/** What a cell consists of. Each kind has one kind of writer (see protos/berth/v1/store.proto). */
export interface EntityRecords {
  readonly cluster: ClusterRecord;
  readonly job: JobRecord;
  readonly jobStatus: JobStatusRecord;
  readonly task: TaskRecord;
  readonly taskStop: TaskStopRecord;
  readonly agent: AgentRecord;
  readonly agentStatus: AgentStatusRecord;
}

export type EntityKind = keyof EntityRecords;

export const entityKinds = [
  'cluster',
  'job',
  'jobStatus',
  'task',
  'taskStop',
  'agent',
  'agentStatus',
] as const satisfies readonly EntityKind[];

/**
 * One version of one entity, immutable. `bytes` is the record as stored; `revision` is that of the commit which wrote
 * it. A jobStatus has its job's id, a taskStop its task's, an agentStatus its agent's.
 */
export interface Entity<K extends EntityKind = EntityKind> {
  readonly kind: K;
  readonly id: string;
  readonly revision: number;
  readonly record: EntityRecords[K];
  readonly bytes: Uint8Array;
}

/** An {@link Entity} of any kind, to be told apart by `kind`. */
export type AnyEntity = { [K in EntityKind]: Entity<K> }[EntityKind];
