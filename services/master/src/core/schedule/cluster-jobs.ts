/* The jobs of one cluster, while the cluster's own starts and ends of jobs are decided. */
import type { ClusterStatusRecord, JobRecord, JobStatusRecord } from '@berth/shared/gen/berth/v1/store';
import type { JobDescriptor } from '@berth/shared/gen/netflix/titus/titus_job_api';
import type { Entity } from '@berth/shared/model/cell/entity';
import type { KnownAttributes } from '@berth/shared/model/expression/vocabulary';
import { isJobLive, jobClaims, jobState, quotaClaim } from '@berth/shared/model/job/job';
import { isTypeClaim } from '@berth/shared/model/job/mantis';
import {
  type ClusterLimits,
  clusterLimits,
  freeQuotaNumber,
} from '@berth/shared/model/schedule/cluster-limits';
import type { Schedule } from '@berth/shared/model/schedule/schedule';
import type { ClusterView } from '@berth/shared/model/submission/clusters';
import { isUnpinned } from '@berth/shared/model/submission/image-pins';
import { jobOfTemplate } from '@berth/shared/model/submission/template-job';
import { codeOf } from '@berth/shared/model/task/reason';
import { State, stateName } from '@berth/shared/model/task/task-state';

/** A job of the cluster with its status. */
export interface ClusterJob {
  readonly job: Entity<'job'>;
  readonly status: JobStatusRecord | undefined;
}

/** The inputs of the decision on one cluster. */
export interface ClusterInput {
  readonly cluster: ClusterView;
  readonly schedule: Schedule | undefined;
  readonly status: ClusterStatusRecord | undefined;
  /** All jobs of the cluster that the replica holds, live and finished. */
  readonly jobs: readonly ClusterJob[];
  readonly nowMs: number;
  /** The attributes that constraints may name. */
  readonly attributes: () => KnownAttributes;
  /**
   * Names that the store has refused, with the ids of the jobs that hold them. The replica may not hold those
   * jobs yet.
   */
  readonly taken: ReadonlyMap<string, string>;
  /** The longest wait for the resolution of a job's images. Absent: they are not resolved. */
  readonly imageWaitMs?: number;
  /** Jobs that are started at once; further ones wait for the next pass. */
  readonly maxStarts: number;
}

/** A cluster that starts jobs by itself has no more live jobs than this. */
const maxLiveJobs = 1000;
const maxTextLength = 500;

/** A job that is to start. */
interface Start {
  readonly id: string;
  /** The time of the run that starts it; 0 if no run does. */
  readonly fireAtMs: number;
  /** True if it replaces other jobs: it then needs no place of its own within the cluster's limit. */
  readonly replaces?: boolean;
}

/** The reason not to start a job: for now (`skipped`), or until the cluster changes (`refused`). */
export type NotStarted =
  /** The owner is the job that bears the name. */
  { readonly skipped: string; readonly owner?: string } | { readonly refused: string };

/** The cluster's jobs, with those that the decision starts. */
export class ClusterJobs {
  /** The existing jobs, live and finished. */
  readonly all: readonly ClusterJob[];
  /** The live ones of the existing jobs. */
  readonly live: readonly ClusterJob[];
  readonly started: JobRecord[] = [];
  readonly limits: ClusterLimits;
  readonly #input: ClusterInput;
  readonly #names = new Map<string, string>();
  #made: ReturnType<typeof jobOfTemplate> | undefined;

  constructor(input: ClusterInput) {
    this.#input = input;
    this.all = input.jobs;
    this.live = input.jobs.filter(({ status }) => isJobLive(status));
    this.limits = clusterLimits(input.cluster.record);
    for (const { job } of this.live) for (const name of heldNames(job.record)) this.#names.set(name, job.id);
    for (const [name, owner] of input.taken) this.#names.set(name, owner);
  }

  /** The number of live jobs, together with those that the decision starts. */
  get count(): number {
    return this.live.length + this.started.length;
  }

  /** Starts a job from the cluster's template; returns the reason if it cannot start. */
  start(start: Start): NotStarted | undefined {
    if (this.count >= maxLiveJobs) return { skipped: `${this.count} jobs of the cluster are live already` };
    const clusterPlace = start.replaces ? 0 : this.#place();
    if (clusterPlace === undefined)
      return { skipped: `the cluster has as many live jobs as its maximum allows, ${this.limits.max}` };
    const descriptor = this.#descriptor();
    if ('refused' in descriptor) return descriptor;
    const record = this.#record(start, descriptor, clusterPlace);
    for (const name of jobClaims(record)) {
      const owner = this.#names.get(name);
      if (owner !== undefined)
        return { skipped: `job ${owner} is live, and no two jobs may bear its name`, owner };
    }
    for (const name of jobClaims(record)) this.#names.set(name, record.id);
    this.started.push(record);
    return undefined;
  }

  /** Returns the place of a new job: 0 if the cluster has no limit, undefined if no place is left. */
  #place(): number | undefined {
    const { cluster } = this.#input;
    if (this.limits.max === Number.POSITIVE_INFINITY) return 0;
    const holders: Pick<JobRecord, 'clusterPlace'>[] = [
      ...this.live.map(({ job }) => job.record),
      ...this.started,
    ];
    for (;;) {
      const place = freeQuotaNumber(this.limits.max, holders);
      const name = quotaClaim({ clusterId: cluster.id, clusterPlace: place ?? 0 });
      if (place === undefined || name === undefined || !this.#names.has(name)) return place;
      holders.push({ clusterPlace: place });
    }
  }

  /** Returns the descriptor that the template makes. It is made once. */
  #descriptor(): JobDescriptor | { readonly refused: string } {
    const { cluster, attributes } = this.#input;
    this.#made ??= jobOfTemplate(cluster, attributes);
    if (!('violations' in this.#made)) return this.#made.descriptor;
    const all = this.#made.violations.map(({ field, description }) => `${field}: ${description}`).join('; ');
    return { refused: `the template makes no valid job: ${all}`.slice(0, maxTextLength) };
  }

  #record({ id, fireAtMs }: Start, descriptor: JobDescriptor, clusterPlace: number): JobRecord {
    const { cluster, nowMs, imageWaitMs = 0 } = this.#input;
    const resolves = imageWaitMs > 0 && isUnpinned(descriptor);
    return {
      id,
      clusterId: cluster.id,
      descriptor,
      createdAtMs: nowMs,
      createdBy: scheduleActor(cluster.id),
      kill: undefined,
      arguments: [],
      fireAtMs,
      clusterPlace: clusterPlace === 0 ? undefined : clusterPlace,
      instancesSetAtMs: {},
      resolveImagesUntilMs: resolves ? nowMs + imageWaitMs : undefined,
    };
  }
}

/** Returns the names that a live job holds. An order to end a job gives its type back. */
function heldNames(job: JobRecord): readonly string[] {
  return job.kill === undefined ? jobClaims(job) : jobClaims(job).filter((name) => !isTypeClaim(name));
}

/** Returns the actor of jobs and of stop requests that a cluster makes by itself. */
export function scheduleActor(clusterId: string): string {
  return `schedule/${clusterId}`;
}

/** True if the job has run, however it ended. */
export function hasRun({ status }: ClusterJob): boolean {
  if (status === undefined) return false;
  if (jobState(status) === State.FINISHED && codeOf(status.state?.reason ?? '') === 'normal') return true;
  return status.stateChanges.some(({ state }) => state === stateName(State.RUNNING));
}
