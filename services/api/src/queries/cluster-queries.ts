/** Answers about job clusters, from memory. */
import {
  JobCluster as ClusterMessage,
  type JobCluster,
  type JobClusterId,
  type JobClusterQuery,
  type JobClusterQueryResult,
} from '@berth/shared/gen/netflix/titus/titus_job_api';
import { byCreation } from '@berth/shared/model/cell/creation-order';
import { notFound } from '@berth/shared/model/errors/errors';
import { allClusters, clusterOf, composeCluster } from '@berth/shared/model/submission/clusters';
import type { CallContext } from '@berth/shared/rpc/calls/handlers';
import type { Cell } from '../gateway/cell.js';
import { idViolations, refuseIf } from '../gateway/request-checks.js';
import type { ItemSize } from './core/answer-size.js';
import { parseClusterFilter } from './core/cluster-query.js';
import { clusterShape, projectCluster } from './core/projection.js';
import { answerPage, parseQuery } from './paged-query.js';

/** How queries for clusters are read. */
export const clusterQueries = { parse: parseClusterFilter, shape: clusterShape };

/** The cluster with its template. */
export async function findJobCluster(
  cell: Cell,
  { id }: JobClusterId,
  call: CallContext,
): Promise<JobCluster> {
  refuseIf(idViolations('id', id));
  const cluster = clusterOf(await cell.read(call), id);
  if (cluster === undefined) throw notFound('job cluster', id);
  return composeCluster(cluster);
}

/** Returns the clusters that meet the criteria, page by page, in the order of creation. */
export async function findJobClusters(
  cell: Cell,
  query: JobClusterQuery,
  call: CallContext,
): Promise<JobClusterQueryResult> {
  const { filter, selection, page } = parseQuery(query, call, clusterQueries);
  const found = allClusters(await cell.read(call))
    .filter(filter.matches)
    .map((cluster) => ({ id: cluster.id, createdAtMs: cluster.record.createdAtMs, cluster }))
    .sort(byCreation);
  const messageOf = ({ cluster }: (typeof found)[number]) =>
    projectCluster(composeCluster(cluster), selection);
  const exactly = (each: (typeof found)[number]) => ClusterMessage.encode(messageOf(each)).finish().length;
  const size: ItemSize<(typeof found)[number]> = {
    atMost: (each) => each.cluster.bytes?.length ?? exactly(each),
    exactly,
  };
  const { items, pagination } = answerPage(call, { sorted: found, size }, page);
  return { items: items.map(messageOf), pagination };
}
