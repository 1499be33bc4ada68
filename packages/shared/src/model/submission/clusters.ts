/** Job clusters as callers see them: those that are stored, and the one that is always there. */
import { ClusterRecord } from '../../gen/berth/v1/store.js';
import type { JobCluster } from '../../gen/netflix/titus/titus_job_api.js';
import type { CellView } from '../cell/cell-view.js';
import { defaultClusterId } from '../job/job.js';

/** A cluster at one revision; 0 if it is not stored. */
export interface ClusterView {
  readonly id: string;
  readonly revision: number;
  readonly record: ClusterRecord;
  /** The record as stored. Absent if the cluster is not stored. */
  readonly bytes?: Uint8Array;
}

/** The cluster `default` until somebody changes it. It takes jobs of every kind. */
const builtIn: ClusterView = {
  id: defaultClusterId,
  revision: 0,
  record: ClusterRecord.fromPartial({
    id: defaultClusterId,
    descriptor: { name: defaultClusterId },
    enabled: true,
  }),
};

/** Returns the default form of a cluster that is not stored: only the built-in cluster has one. */
export function unstoredCluster(id: string): ClusterView | undefined {
  return id === defaultClusterId ? builtIn : undefined;
}

/** Returns the cluster of that id. Undefined if there is none. */
export function clusterOf(view: Pick<CellView, 'find'>, id: string): ClusterView | undefined {
  return view.find('cluster', id) ?? unstoredCluster(id);
}

/** Returns all clusters: `default` first, the others in the order of their creation. */
export function allClusters(view: CellView): readonly ClusterView[] {
  const others = [...view.all('cluster')].filter(({ id }) => id !== defaultClusterId);
  return [clusterOf(view, defaultClusterId) ?? builtIn, ...others];
}

/** The public message of a cluster. */
export function composeCluster({ id, record }: ClusterView): JobCluster {
  return { id, descriptor: record.descriptor };
}

/** The kind of jobs that the cluster takes; undefined for every kind. */
export function clusterKind({ record }: ClusterView): 'batch' | 'service' | 'mantis' | undefined {
  return record.descriptor?.clusterSpec?.$case;
}
