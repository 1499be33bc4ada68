import type { CellView } from '@berth/shared/model/cell/cell-view';
import type { AnyChange } from '@berth/shared/model/cell/change';
import type { Entity } from '@berth/shared/model/cell/entity';
import { type KnownAttributes, knownAttributes } from '@berth/shared/model/expression/vocabulary';
import { clusterLimits } from '@berth/shared/model/schedule/cluster-limits';
import { type Schedule, scheduleOf } from '@berth/shared/model/schedule/schedule';
import type { ClusterJob } from '../core/schedule/cluster-jobs.js';
import { DueQueue } from '../primitives/due-queue.js';

/** A cluster that acts by itself. */
interface FollowedCluster {
  readonly schedule: Schedule | undefined;
  /** True if a change of its jobs matters at once; else they count only when a run is due. */
  readonly followsJobs: boolean;
  readonly jobIds: Set<string>;
}

/**
 * The clusters that act by themselves, with their jobs and their due times, kept current change by change.
 * Without such a cluster a change costs nothing.
 */
export class ScheduledClusters {
  readonly due = new DueQueue();
  readonly #cell: CellView;
  readonly #followed = new Map<string, FollowedCluster>();
  readonly #touched = new Set<string>();
  #attributes: KnownAttributes | undefined;

  constructor(cell: CellView) {
    this.#cell = cell;
    for (const cluster of cell.all('cluster')) this.#follow(cluster);
    for (const kind of ['clusterStatus', 'clusterRuns'] as const)
      for (const { id } of cell.all(kind)) if (cell.find('cluster', id) === undefined) this.#touched.add(id);
    if (this.#followed.size === 0) return;
    for (const { id, record } of cell.all('job')) this.#followed.get(record.clusterId)?.jobIds.add(id);
  }

  /** Takes in a change; returns true if a cluster must be checked. */
  take(change: AnyChange): boolean {
    switch (change.kind) {
      case 'cluster':
        return this.#takeCluster(change.id, change.after);
      case 'job':
        return this.#takeJob(change.id, change.after ?? change.before, change.after === undefined);
      case 'jobStatus':
        return this.#followed.size > 0 && this.#touchFollower(this.#cell.find('job', change.id));
      case 'clusterStatus':
        return this.#touch(change.id);
      case 'agent':
        this.#attributes = undefined;
        return false;
      default:
        return false;
    }
  }

  /** Has the cluster checked once more. */
  touch(clusterId: string): void {
    this.#touched.add(clusterId);
  }

  /** Takes out the clusters to check now: touched ones and due ones. */
  takeDue(nowMs: number): readonly string[] {
    const ids = [...new Set([...this.#touched, ...this.due.takeDue(nowMs)])];
    this.#touched.clear();
    return ids;
  }

  /** True if there is a cluster to check now. */
  hasWork(nowMs: number): boolean {
    return this.#touched.size > 0 || this.due.nextMs() <= nowMs;
  }

  scheduleOf(clusterId: string): Schedule | undefined {
    return this.#followed.get(clusterId)?.schedule;
  }

  isFollowed(clusterId: string): boolean {
    return this.#followed.has(clusterId);
  }

  jobsOf(clusterId: string): readonly ClusterJob[] {
    const jobs: ClusterJob[] = [];
    for (const id of this.#followed.get(clusterId)?.jobIds ?? []) {
      const job = this.#cell.find('job', id);
      if (job !== undefined) jobs.push({ job, status: this.#cell.find('jobStatus', id)?.record });
    }
    return jobs;
  }

  /** Returns the attributes that constraints may name. They are kept until an agent changes. */
  attributes(): KnownAttributes {
    this.#attributes ??= knownAttributes([...this.#cell.all('agent')].map(({ record }) => record.attributes));
    return this.#attributes;
  }

  #takeCluster(id: string, after: Entity<'cluster'> | undefined): boolean {
    const known = this.#followed.get(id);
    if (after === undefined) {
      this.#forget(id);
      // The stored history of a cluster goes with it.
      const hasHistory = (['clusterStatus', 'clusterRuns'] as const).some((kind) =>
        this.#cell.find(kind, id),
      );
      if (hasHistory) this.#touched.add(id);
      return this.#touched.has(id);
    }
    this.#follow(after, known?.jobIds);
    const followed = this.#followed.get(id);
    if (followed !== undefined && known === undefined)
      for (const job of this.#cell.all('job')) if (job.record.clusterId === id) followed.jobIds.add(job.id);
    return this.#touched.has(id);
  }

  #follow({ id, record }: Entity<'cluster'>, jobIds: Set<string> = new Set()): void {
    const schedule = scheduleOf(record);
    const { min } = clusterLimits(record);
    const isEnding = !record.enabled && record.descriptor?.clusterSpec?.$case === 'mantis';
    if (schedule === undefined && min === 0 && !isEnding) return this.#forget(id);
    const followsJobs = min > 0 || isEnding || schedule?.policy === 'replace';
    this.#followed.set(id, { schedule, followsJobs, jobIds });
    this.#touched.add(id);
  }

  #forget(id: string): void {
    this.#followed.delete(id);
    this.#touched.delete(id);
    this.due.set(id, Number.POSITIVE_INFINITY);
  }

  #takeJob(id: string, job: Entity<'job'> | undefined, isGone: boolean): boolean {
    const followed = job === undefined ? undefined : this.#followed.get(job.record.clusterId);
    if (followed === undefined) return false;
    if (isGone) followed.jobIds.delete(id);
    else followed.jobIds.add(id);
    return this.#touchFollower(job);
  }

  #touchFollower(job: Entity<'job'> | undefined): boolean {
    if (job === undefined || this.#followed.get(job.record.clusterId)?.followsJobs !== true) return false;
    this.#touched.add(job.record.clusterId);
    return true;
  }

  #touch(clusterId: string): boolean {
    if (!this.#followed.has(clusterId)) return false;
    this.#touched.add(clusterId);
    return true;
  }
}
