/* What callers want of job clusters, made durable. */
import type { ClusterRecord } from '@berth/shared/gen/berth/v1/store';
import type { Empty } from '@berth/shared/gen/google/protobuf/empty';
import {
  type JobCluster,
  JobClusterDescriptor,
  type JobClusterId,
  type JobClusterStatusUpdate,
} from '@berth/shared/gen/netflix/titus/titus_job_api';
import { invalidFields, notFound } from '@berth/shared/model/errors';
import { defaultClusterId } from '@berth/shared/model/job';
import type { CallContext } from '@berth/shared/rpc/handlers';
import type { Replica } from '@berth/shared/store/replica';
import { v7 as uuid } from 'uuid';
import type { Cell, Part } from './cell.js';
import { type ClusterView, clusterKind, clusterOf } from './core/clusters.js';
import { validateCluster } from './core/validate-cluster.js';
import {
  failedPrecondition,
  idempotencyTtlMs,
  idViolations,
  orRefuse,
  refuseIf,
  repeatClaim,
} from './requests.js';

/** Makes a cluster. Resolves with its id; with the first one's id where the caller repeats itself. */
export async function createJobCluster(
  cell: Cell,
  request: JobClusterDescriptor,
  call: CallContext,
): Promise<JobClusterId> {
  const repeat = repeatClaim(call, 'idemCluster');
  await cell.read(call);
  const { descriptor } = orRefuse(validateCluster(request, submissionOf(cell, call)));
  const id = uuid();
  const createdAtMs = cell.clock.nowMs();
  const record: ClusterRecord = {
    id,
    descriptor,
    enabled: true,
    createdAtMs,
    scheduleSinceMs: createdAtMs,
    schedulePaused: false,
  };
  const result = await cell.commit(call, {
    writes: [{ kind: 'cluster', id, record, expectedRevision: 0 }],
    claims: repeat === undefined ? [] : [{ name: repeat, owner: id, ttlMs: idempotencyTtlMs }],
  });
  if (result.ok) return { id };
  if (result.reason !== 'claimed') throw new Error(`a new cluster cannot be refused as ${result.reason}`);
  await cell.read(call);
  return { id: result.owner };
}

/** Replaces a cluster's descriptor. Jobs that there are keep theirs. An owner that is left out stays. */
export async function updateJobCluster(cell: Cell, request: JobCluster, call: CallContext): Promise<Empty> {
  const { id, descriptor } = request;
  refuseIf([
    ...idViolations('id', id),
    ...(descriptor === undefined ? [{ field: 'descriptor', description: 'is required' }] : []),
  ]);
  await cell.update(call, (view) => {
    const cluster = requireCluster(view, id);
    const changed = changedDescriptor(cell, call, cluster, descriptor ?? JobClusterDescriptor.create());
    return isSame(changed, cluster.record.descriptor)
      ? undefined
      : clusterWrite(cluster, { descriptor: changed });
  });
  return {};
}

function changedDescriptor(
  cell: Cell,
  call: CallContext,
  cluster: ClusterView,
  request: JobClusterDescriptor,
): JobClusterDescriptor {
  const before = cluster.record.descriptor?.owner;
  const owner = {
    ownerEmail: request.owner?.ownerEmail || (before?.ownerEmail ?? ''),
    teamEmail: request.owner?.teamEmail || (before?.teamEmail ?? ''),
  };
  const submission = { ...submissionOf(cell, call), id: cluster.id };
  const valid = validateCluster({ ...request, owner }, submission);
  const kind = clusterKind(cluster);
  const violations = [
    ...('violations' in valid ? valid.violations : []),
    ...(kind !== undefined && request.clusterSpec !== undefined && request.clusterSpec.$case !== kind
      ? [{ field: request.clusterSpec.$case, description: `cannot take the place of ${kind}` }]
      : []),
  ].map(({ field, description }) => ({ field: `descriptor.${field}`, description }));
  if ('violations' in valid || violations.length > 0) throw invalidFields(violations);
  return valid.descriptor;
}

/** Enables or disables a cluster. A disabled cluster starts no job; jobs that there are go on. */
export async function updateJobClusterStatus(
  cell: Cell,
  { id, enableStatus }: JobClusterStatusUpdate,
  call: CallContext,
): Promise<Empty> {
  refuseIf(idViolations('id', id));
  await cell.update(call, (view) => {
    const cluster = requireCluster(view, id);
    return cluster.record.enabled === enableStatus
      ? undefined
      : clusterWrite(cluster, { enabled: enableStatus });
  });
  return {};
}

/**
 * Removes a cluster that has no live jobs. First it is disabled: from that revision on no job can be created in it, and all
 * that were created before are in view; so that none is left behind in a cluster that is gone.
 */
export async function removeJobCluster(cell: Cell, { id }: JobClusterId, call: CallContext): Promise<Empty> {
  refuseIf(idViolations('id', id));
  if (id === defaultClusterId)
    throw failedPrecondition(`Job cluster "${defaultClusterId}" is built in; it cannot be removed.`);
  let wasEnabled = false;
  await cell.update(call, (view) => {
    const cluster = requireCluster(view, id);
    if (cell.index.liveJobsOf(id).length > 0) throw inUse(id);
    wasEnabled = cluster.record.enabled;
    return wasEnabled ? clusterWrite(cluster, { enabled: false }) : undefined;
  });
  let hasJobs = false;
  await cell.update(call, (view) => {
    const cluster = view.find('cluster', id);
    if (cluster === undefined) return undefined;
    hasJobs = cell.index.liveJobsOf(id).length > 0;
    if (hasJobs) return wasEnabled ? clusterWrite(cluster, { enabled: true }) : undefined;
    // Somebody has enabled it meanwhile, so that jobs may be on their way.
    if (cluster.record.enabled)
      throw failedPrecondition(`Job cluster ${id} was enabled while it was being removed.`);
    return { writes: [{ kind: 'cluster', id, expectedRevision: cluster.revision }] };
  });
  if (hasJobs) throw inUse(id);
  return {};
}

function inUse(id: string): Error {
  return failedPrecondition(`Job cluster ${id} has live jobs; kill them first.`);
}

function requireCluster(view: Replica, id: string): ClusterView {
  const cluster = clusterOf(view, id);
  if (cluster === undefined) throw notFound('job cluster', id);
  return cluster;
}

function submissionOf(cell: Cell, { caller }: CallContext) {
  return {
    attributes: () => cell.knownAttributes(),
    ...(caller.email === undefined ? {} : { callerEmail: caller.email }),
  };
}

function clusterWrite({ id, revision, record }: ClusterView, change: Partial<ClusterRecord>): Part {
  return { writes: [{ kind: 'cluster', id, record: { ...record, ...change }, expectedRevision: revision }] };
}

function isSame(a: JobClusterDescriptor, b: JobClusterDescriptor | undefined): boolean {
  const encode = (descriptor: JobClusterDescriptor) => JobClusterDescriptor.encode(descriptor).finish();
  return b !== undefined && Buffer.compare(encode(a), encode(b)) === 0;
}
