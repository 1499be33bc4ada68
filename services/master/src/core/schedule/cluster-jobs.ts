/* The jobs of one cluster while it is decided which of them the cluster starts or ends by itself. */
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
import { jobOfTemplate } from '@berth/shared/model/submission/template-job';
import { codeOf } from '@berth/shared/model/task/reason';
import { State, stateName } from '@berth/shared/model/task/task-state';

/** A job of the cluster, and how it stands. */
export interface ClusterJob {
  readonly job: Entity<'job'>;
  readonly status: JobStatusRecord | undefined;
}

/** What decides about the jobs that a cluster starts and ends by itself. */
export interface ClusterInput {
  readonly cluster: ClusterView;
  readonly schedule: Schedule | undefined;
  readonly status: ClusterStatusRecord | undefined;
  /** All jobs of the cluster that the replica holds, live and finished. */
  readonly jobs: readonly ClusterJob[];
  readonly nowMs: number;
  /** The attributes that constraints may name. */
  readonly attributes: () => KnownAttributes;
  /** Names that jobs hold which the replica does not know, with those jobs' ids: the store has said so. */
  readonly taken: ReadonlyMap<string, string>;
  /** Jobs that are started at once; what is more waits for the next look. */
  readonly maxStarts: number;
}

/** A cluster that starts jobs by itself has no more live ones than this. */
export const maxLiveJobs = 1000;
const maxTextLength = 500;

/** A job that is to start. */
export interface Start {
  readonly id: string;
  /** The fire that starts it; 0 where none does. */
  readonly fireAtMs: number;
  /** It takes the place of others, and needs none of its own. */
  readonly replaces?: boolean;
}

/** Why a job cannot start: for now (`skipped`), or as the cluster is (`refused`). */
export type NotStarted = { readonly skipped: string } | { readonly refused: string };

/** The cluster's jobs, and those that are decided on. */
export class ClusterJobs {
  /** Jobs that are there already, live and finished. */
  readonly all: readonly ClusterJob[];
  /** The live ones of these. */
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

  /** Live jobs, those included that are about to be. */
  get count(): number {
    return this.live.length + this.started.length;
  }

  /** Starts a job from the cluster's template; undefined where that is done. */
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
      if (owner !== undefined) return { skipped: `job ${owner} is live, and no two jobs may bear its name` };
    }
    for (const name of jobClaims(record)) this.#names.set(name, record.id);
    this.started.push(record);
    return undefined;
  }

  /** The place of a new job: 0 where the cluster has no limit, undefined where there is none left. */
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

  /** What the template makes, found out once. */
  #descriptor(): JobDescriptor | { readonly refused: string } {
    const { cluster, attributes } = this.#input;
    this.#made ??= jobOfTemplate(cluster, attributes);
    if (!('violations' in this.#made)) return this.#made.descriptor;
    const all = this.#made.violations.map(({ field, description }) => `${field}: ${description}`).join('; ');
    return { refused: `the template makes no valid job: ${all}`.slice(0, maxTextLength) };
  }

  #record({ id, fireAtMs }: Start, descriptor: JobDescriptor, clusterPlace: number): JobRecord {
    const { cluster, nowMs } = this.#input;
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
    };
  }
}

/** The names that a live job keeps from others; whoever ordered its end gave its type back with that. */
function heldNames(job: JobRecord): readonly string[] {
  return job.kill === undefined ? jobClaims(job) : jobClaims(job).filter((name) => !isTypeClaim(name));
}

/** Who jobs say they are from, and wishes to end them, where a cluster does it by itself. */
export function scheduleActor(clusterId: string): string {
  return `schedule/${clusterId}`;
}

/** Whether the job has got as far as to run, whatever became of it then. */
export function hasRun({ status }: ClusterJob): boolean {
  if (status === undefined) return false;
  if (jobState(status) === State.FINISHED && codeOf(status.state?.reason ?? '') === 'normal') return true;
  return status.stateChanges.some(({ state }) => state === stateName(State.RUNNING));
}
