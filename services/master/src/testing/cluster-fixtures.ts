import {
  ClusterRecord,
  type ClusterStatusRecord,
  type DeepPartial,
  JobRecord,
  JobStatusRecord,
} from '@berth/shared/gen/berth/v1/store';
import type { MantisClusterSpec } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { knownAttributes } from '@berth/shared/model/expression/vocabulary';
import { scheduleOf } from '@berth/shared/model/schedule/schedule';
import { State, stateName, toRfc3339 } from '@berth/shared/model/task/task-state';
import type { ClusterInput, ClusterJob } from '../core/schedule/cluster-jobs.js';
import { t0 } from './fixtures.js';

export interface ClusterOptions {
  readonly id?: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** Makes it a Mantis cluster. */
  readonly mantis?: DeepPartial<MantisClusterSpec>;
  readonly enabled?: boolean;
  readonly paused?: boolean;
  readonly sinceMs?: number;
  readonly image?: string;
  readonly sequence?: string;
}

/** A cluster as a gateway stores it: by default of batch jobs, without a schedule. */
export function aCluster(options: ClusterOptions = {}): ClusterRecord {
  const { id = 'c-1', labels = {}, mantis, enabled = true, paused = false, sinceMs = t0 } = options;
  const { image = 'busybox:1', sequence = '' } = options;
  const owner = { ownerEmail: 'ada@example.org', teamEmail: 'team@example.org' };
  return ClusterRecord.fromPartial({
    id,
    enabled,
    createdAtMs: sinceMs,
    scheduleSinceMs: sinceMs,
    schedulePaused: paused,
    descriptor: {
      name: `cluster ${id}`,
      owner,
      clusterSpec: mantis === undefined ? { $case: 'batch', value: {} } : { $case: 'mantis', value: mantis },
      jobDescriptor: {
        labels: { ...labels },
        containers: { main: { image: { name: image } } },
        ...(sequence === '' ? {} : { jobGroupInfo: { stack: 'main', sequence } }),
        ...(mantis === undefined
          ? {}
          : {
              jobSpec: {
                $case: 'mantis',
                value: { name: 'pipeline', jobSLA: {}, stages: [{ containerId: 'main' }] },
              },
            }),
      },
    },
  });
}

/** The labels of a cron. */
export function cron(cronSpec: string, cronPolicy = 'allow', more: Readonly<Record<string, string>> = {}) {
  return { 'berth.cronSpec': cronSpec, 'berth.cronPolicy': cronPolicy, ...more };
}

export interface ClusterJobOptions {
  readonly id?: string;
  readonly state?: State;
  readonly reason?: string;
  readonly createdAtMs?: number;
  readonly fireAtMs?: number;
  readonly killed?: boolean;
  readonly place?: number;
}

/** A job of the cluster in that state. A job that ended normally was RUNNING before. */
export function aClusterJob(options: ClusterJobOptions = {}): ClusterJob {
  const { id = 'job-1', state = State.QUEUED, reason = '', createdAtMs = t0, fireAtMs = 0 } = options;
  const record = JobRecord.fromPartial({
    id,
    clusterId: 'c-1',
    createdAtMs,
    fireAtMs,
    ...(options.killed ? { kill: { atMs: createdAtMs, by: 'ada' } } : {}),
    ...(options.place === undefined ? {} : { clusterPlace: options.place }),
  });
  const states = reason === 'normal' ? [State.RUNNING, state] : [state];
  const status = JobStatusRecord.fromPartial({
    jobId: id,
    state: { state, reason },
    stateChanges: states.map((each) => ({ state: stateName(each), timestamp: toRfc3339(createdAtMs) })),
  });
  return { job: { kind: 'job', id, revision: 7, record, bytes: new Uint8Array() }, status };
}

/** The inputs of a decision on the cluster, at that time after {@link t0}. */
export function clusterInput(
  record: ClusterRecord,
  afterMs: number,
  more: Partial<ClusterInput> & { readonly status?: ClusterStatusRecord } = {},
): ClusterInput {
  return {
    cluster: { id: record.id, revision: 3, record },
    schedule: scheduleOf(record),
    status: undefined,
    jobs: [],
    nowMs: t0 + afterMs,
    attributes: () => knownAttributes([]),
    taken: new Map(),
    maxStarts: 25,
    ...more,
  };
}
