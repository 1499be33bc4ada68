/* Commands of callers for job clusters. Each resolves once its change is durable. */
import type { ClusterRecord } from '@berth/shared/gen/berth/v1/store';
import type { Empty } from '@berth/shared/gen/google/protobuf/empty';
import {
  type JobCluster,
  JobClusterDescriptor,
  type JobClusterId,
  type JobClusterStatusUpdate,
} from '@berth/shared/gen/netflix/titus/titus_job_api';
import { invalidFields, notFound } from '@berth/shared/model/errors/errors';
import { defaultClusterId } from '@berth/shared/model/job/job';
import { clusterLimits } from '@berth/shared/model/schedule/cluster-limits';
import { parseSchedule, scheduleLabels } from '@berth/shared/model/schedule/schedule';
import { type ClusterView, clusterKind, clusterOf } from '@berth/shared/model/submission/clusters';
import type { CallContext } from '@berth/shared/rpc/calls/handlers';
import type { Replica } from '@berth/store/replica';
import type { CallerCommit, Cell } from '../gateway/cell.js';
import {
  failedPrecondition,
  idempotencyTtlMs,
  idViolations,
  orRefuse,
  refuseIf,
  repeatClaim,
} from '../gateway/request-checks.js';
import { validateCluster } from './core/validate-cluster.js';

/** Creates a cluster and resolves with its id. A repeated request gets the id of the first one's cluster. */
export async function createJobCluster(
  cell: Cell,
  request: JobClusterDescriptor,
  call: CallContext,
): Promise<JobClusterId> {
  const repeat = repeatClaim(call, 'idemCluster');
  await cell.read(call);
  const first = repeat === undefined ? undefined : await cell.findFirst(repeat);
  if (first !== undefined) return { id: first };
  const { descriptor } = orRefuse(validateCluster(request, submissionOf(cell, call)));
  const id = cell.random.orderedUuid();
  const createdAtMs = cell.clock.nowMs();
  refuseIf(pastViolations(descriptor, createdAtMs, 'jobDescriptor'));
  const enabled = saysEnabled(descriptor) ?? true;
  const record: ClusterRecord = {
    id,
    descriptor: withEnabled(descriptor, enabled),
    enabled,
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

/**
 * Replaces a cluster's descriptor. Jobs that exist keep theirs. An owner that the request leaves out stays.
 */
export async function updateJobCluster(cell: Cell, request: JobCluster, call: CallContext): Promise<Empty> {
  const { id, descriptor } = request;
  refuseIf([
    ...idViolations('id', id),
    ...(descriptor === undefined ? [{ field: 'descriptor', description: 'is required' }] : []),
  ]);
  await cell.update(call, (view) => {
    const cluster = requireCluster(view, id);
    const asked = changedDescriptor(cell, call, cluster, descriptor ?? JobClusterDescriptor.create());
    const enabled = saysEnabled(asked) ?? cluster.record.enabled;
    const changed = withEnabled(asked, enabled);
    // A removal that was interrupted has disabled the cluster and left its descriptor alone.
    if (enabled === cluster.record.enabled && isSame(changed, cluster.record.descriptor)) return undefined;
    const nowMs = cell.clock.nowMs();
    const isRescheduled = !isSameTime(changed, cluster.record.descriptor);
    if (isRescheduled) refuseIf(pastViolations(changed, nowMs, 'descriptor.jobDescriptor'));
    const isStarting = isRescheduled || (enabled && !cluster.record.enabled);
    return clusterWrite(cluster, {
      descriptor: changed,
      enabled,
      ...(isStarting ? { scheduleSinceMs: nowMs } : {}),
    });
  });
  return {};
}

/** Returns the descriptor's own `enabled`: only Mantis clusters have one. */
function saysEnabled({ clusterSpec }: JobClusterDescriptor): boolean | undefined {
  return clusterSpec?.$case === 'mantis' ? clusterSpec.value.enabled : undefined;
}

/** A time in the past would never come. */
function pastViolations(descriptor: JobClusterDescriptor, nowMs: number, template: string) {
  const when = parseSchedule(descriptor).schedule?.when;
  if (when?.$case !== 'once' || when.atMs > nowMs) return [];
  const field = `${template}.labels["${scheduleLabels.scheduleAt}"]`;
  return [{ field, description: 'has passed already' }];
}

/** True if both descriptors start jobs at the same times. */
function isSameTime(a: JobClusterDescriptor, b: JobClusterDescriptor | undefined): boolean {
  const times = (descriptor: JobClusterDescriptor | undefined) => {
    const { when, timeZone } = parseSchedule(descriptor).schedule ?? {};
    return JSON.stringify(when?.$case === 'cron' ? [when.expression, timeZone] : when);
  };
  return times(a) === times(b);
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
      ? [{ field: request.clusterSpec.$case, description: `cannot replace ${kind}` }]
      : []),
  ].map(({ field, description }) => ({ field: `descriptor.${field}`, description }));
  if ('violations' in valid || violations.length > 0) throw invalidFields(violations);
  return valid.descriptor;
}

/**
 * Enables or disables a cluster. A disabled cluster starts no job, neither by its schedule nor for a caller.
 * Its jobs go on; but the master ends those of a Mantis cluster. Runs that its schedule misses meanwhile are
 * not made up for.
 */
export async function updateJobClusterStatus(
  cell: Cell,
  { id, enableStatus }: JobClusterStatusUpdate,
  call: CallContext,
): Promise<Empty> {
  refuseIf(idViolations('id', id));
  await cell.update(call, (view) => {
    const cluster = requireCluster(view, id);
    const { descriptor, enabled } = cluster.record;
    const said = (descriptor && saysEnabled(descriptor)) ?? enabled;
    if (enabled === enableStatus && said === enableStatus) return undefined;
    return clusterWrite(cluster, {
      descriptor: descriptor && withEnabled(descriptor, enableStatus),
      enabled: enableStatus,
      ...(enableStatus ? { scheduleSinceMs: cell.clock.nowMs() } : {}),
    });
  });
  return {};
}

/** The descriptor of a Mantis cluster also says if the cluster is enabled. */
function withEnabled(descriptor: JobClusterDescriptor, enabled: boolean): JobClusterDescriptor {
  if (descriptor.clusterSpec?.$case !== 'mantis') return descriptor;
  const value = { ...descriptor.clusterSpec.value, enabled };
  return { ...descriptor, clusterSpec: { $case: 'mantis', value } };
}

/**
 * Removes a cluster that has no live jobs. The first commit disables the cluster: from that revision on it
 * gets no job, and the view shows each job that was created before. So no job stays behind in a removed
 * cluster. The descriptor of a Mantis cluster stays enabled, so the master ends no job because of a removal
 * that is then refused.
 */
export async function removeJobCluster(cell: Cell, { id }: JobClusterId, call: CallContext): Promise<Empty> {
  refuseIf(idViolations('id', id));
  if (id === defaultClusterId)
    throw failedPrecondition(`Job cluster "${defaultClusterId}" is built in; it cannot be removed.`);
  let wasEnabled = false;
  await cell.update(call, (view) => {
    const cluster = requireCluster(view, id);
    if (cell.index.liveJobsOf(id).length > 0) throw inUse(cell, id);
    wasEnabled = cluster.record.enabled;
    return wasEnabled ? clusterWrite(cluster, { enabled: false }) : undefined;
  });
  let hasJobs = false;
  await cell.update(call, (view) => {
    const cluster = view.find('cluster', id);
    if (cluster === undefined) return undefined;
    hasJobs = cell.index.liveJobsOf(id).length > 0;
    if (hasJobs) return wasEnabled ? clusterWrite(cluster, { enabled: true }) : undefined;
    // Another caller has enabled it meanwhile, so it may be getting jobs.
    if (cluster.record.enabled)
      throw failedPrecondition(`Job cluster ${id} was enabled while it was being removed.`);
    return { writes: [{ kind: 'cluster', id, expectedRevision: cluster.revision }] };
  });
  if (hasJobs) throw inUse(cell, id);
  return {};
}

function inUse(cell: Cell, id: string): Error {
  const record = cell.replica.find('cluster', id)?.record;
  const keepsJobs = record?.enabled && clusterLimits(record).min > 0;
  const remedy = keepsJobs ? 'disable it first, since it replaces those that are killed' : 'kill them first';
  return failedPrecondition(`Job cluster ${id} has live jobs; ${remedy}.`);
}

/** Returns the cluster of that id, or fails with NOT_FOUND. */
export function requireCluster(view: Replica, id: string): ClusterView {
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

/** Changes the cluster unless another caller has changed it. */
export function clusterWrite(
  { id, revision, record }: ClusterView,
  change: Partial<ClusterRecord>,
): CallerCommit {
  return { writes: [{ kind: 'cluster', id, record: { ...record, ...change }, expectedRevision: revision }] };
}

function isSame(a: JobClusterDescriptor, b: JobClusterDescriptor | undefined): boolean {
  const encode = (descriptor: JobClusterDescriptor) => JobClusterDescriptor.encode(descriptor).finish();
  return b !== undefined && Buffer.compare(encode(a), encode(b)) === 0;
}
