import type {
  AgentDrainRecord,
  AgentRecord,
  AgentStatusRecord,
  ClusterRecord,
  ClusterRunsRecord,
  ClusterStatusRecord,
  JobRecord,
  JobScalingRecord,
  JobStatusRecord,
  TaskRecord,
  TaskStopRecord,
} from '../../gen/berth/v1/store.js';

/**
 * The records that a cell consists of. Each kind has one kind of writer (see protos/berth/v1/store.proto).
 */
export interface EntityRecords {
  readonly cluster: ClusterRecord;
  readonly job: JobRecord;
  readonly jobStatus: JobStatusRecord;
  readonly task: TaskRecord;
  readonly taskStop: TaskStopRecord;
  readonly agent: AgentRecord;
  readonly agentStatus: AgentStatusRecord;
  readonly clusterStatus: ClusterStatusRecord;
  readonly clusterRuns: ClusterRunsRecord;
  readonly jobScaling: JobScalingRecord;
  readonly agentDrain: AgentDrainRecord;
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
  'clusterStatus',
  'clusterRuns',
  'jobScaling',
  'agentDrain',
] as const satisfies readonly EntityKind[];

/**
 * One version of one entity, immutable. `bytes` is the record as stored; `revision` is that of the commit
 * that wrote it. A jobStatus and a jobScaling have their job's id, a taskStop its task's, an agentStatus and
 * an agentDrain their agent's, a clusterStatus and a clusterRuns their cluster's.
 */
export interface Entity<K extends EntityKind = EntityKind> {
  readonly kind: K;
  readonly id: string;
  readonly revision: number;
  readonly record: EntityRecords[K];
  readonly bytes: Uint8Array;
}

/** An {@link Entity} of any kind, distinguished by `kind`. */
export type AnyEntity = { [K in EntityKind]: Entity<K> }[EntityKind];
