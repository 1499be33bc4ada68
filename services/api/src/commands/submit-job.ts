/*
 * The way of a new job: it is decided on the newest view and committed. If another request took a claim
 * first, it is decided again.
 */
import type { JobRecord } from '@berth/shared/gen/berth/v1/store';
import type { JobDescriptor, JobId } from '@berth/shared/gen/netflix/titus/titus_job_api';
import type { Entity } from '@berth/shared/model/cell/entity';
import { BerthError } from '@berth/shared/model/errors/errors';
import { clusterIdLabel, isJobLive, jobClaims } from '@berth/shared/model/job/job';
import { isTypeClaim, runtimeEndMs, userTypeClaim } from '@berth/shared/model/job/mantis';
import { type ClusterView, clusterOf } from '@berth/shared/model/submission/clusters';
import { type ValidJob, validateJob } from '@berth/shared/model/submission/validate';
import type { CallContext } from '@berth/shared/rpc/calls/handlers';
import type { Claim } from '@berth/store';
import type { Replica } from '@berth/store/replica';
import { type CallerCommit, type Cell, maxUpdateAttempts } from '../gateway/cell.js';
import {
  failedPrecondition,
  header,
  idempotencyTtlMs,
  jobCreateLimited,
  orRefuse,
  repeatClaim,
} from '../gateway/request-checks.js';
import { ClusterQuota } from './cluster-quota.js';

/** A job before its submission. */
interface Submitted {
  readonly descriptor: JobDescriptor;
  /** The arguments of ScheduleJob. The descriptor's command already has them. */
  readonly arguments: readonly string[];
}

/**
 * Accepts a job and resolves with its id once the job is durable. A repeated request gets the id of the first
 * one's job.
 */
export function createJob(cell: Cell, descriptor: JobDescriptor, call: CallContext): Promise<JobId> {
  return submitJob(cell, () => ({ descriptor, arguments: [] }), call);
}

/** Like {@link createJob}, for a job that is made from the view. It is made again for each new attempt. */
export async function submitJob(
  cell: Cell,
  make: (view: Replica) => Submitted,
  call: CallContext,
): Promise<JobId> {
  const repeat = repeatClaim(call, 'idem');
  // This comes first: a granted request is not checked again. The commit decides between two concurrent
  // requests.
  const first = repeat === undefined ? undefined : await cell.findFirst(repeat);
  if (first !== undefined) {
    await cell.read(call);
    return { id: first };
  }
  return new Submission(cell, make, call, repeat).run();
}

/** One request for a job, from its start to its grant or refusal. */
class Submission {
  readonly #cell: Cell;
  readonly #make: (view: Replica) => Submitted;
  readonly #call: CallContext;
  readonly #repeat: string | undefined;
  readonly #id: string;
  readonly #quota: ClusterQuota;
  /** The live job of the same user-defined type. If there is one, it is the answer. */
  #sameType: string | undefined;
  /** The job that held the claim of the type at the last attempt, though it was about to end. */
  #typeOwner: string | undefined;

  constructor(cell: Cell, make: (view: Replica) => Submitted, call: CallContext, repeat: string | undefined) {
    this.#cell = cell;
    this.#make = make;
    this.#call = call;
    this.#repeat = repeat;
    this.#id = cell.random.orderedUuid();
    this.#quota = new ClusterQuota(cell, this.#id, repeat !== undefined);
  }

  async run(): Promise<JobId> {
    let typeLosses = 0;
    while (typeLosses < maxUpdateAttempts) {
      // The claims in the store know the jobs that this view does not show yet.
      const result = await this.#cell.settle(
        this.#call,
        (view) => this.#decide(view),
        (one) => this.#cell.readClusters(one),
      );
      if (this.#sameType !== undefined) return { id: this.#sameType };
      if (result === undefined || result.ok) return { id: this.#id };
      if (result.reason !== 'claimed') throw new Error(`a new job cannot be refused as ${result.reason}`);
      const view = await this.#cell.read(this.#call);
      // The quota itself limits the number of attempts.
      if (this.#quota.learn(result.name)) continue;
      const first = this.#firstOf(result, view);
      if (first !== undefined) return { id: first };
      this.#typeOwner = result.owner;
      typeLosses += 1;
    }
    throw new BerthError(
      'conflict',
      'Others keep creating and ending jobs of the same type or cluster; try again.',
    );
  }

  /**
   * Returns the job that answers the request instead of a new one; undefined if the holder of its type is
   * about to end.
   */
  #firstOf({ name, owner }: Claim, view: Replica): string | undefined {
    if (name === this.#repeat) return owner;
    if (!isTypeClaim(name))
      throw jobCreateLimited(`Job ${owner} is live and has the same app name, stack, detail and sequence.`);
    return isGoingOn(this.#cell, view, owner) ? owner : undefined;
  }

  async #decide(view: Replica): Promise<CallerCommit | undefined> {
    const cell = this.#cell;
    const { descriptor, arguments: given } = this.#make(view);
    const { descriptor: valid, cluster } = validJob(cell, view, descriptor, this.#call);
    this.#sameType = await findSameType(cell, this.#call, { clusterId: cluster.id, descriptor: valid });
    if (this.#sameType !== undefined) return undefined;
    if (!cluster.record.enabled)
      throw failedPrecondition(`Job cluster ${cluster.id} is disabled; it starts no job.`);
    const complete = await cell.images.resolve(valid, this.#call.signal);
    return this.#creation(view, cluster, {
      id: this.#id,
      clusterId: cluster.id,
      descriptor: complete,
      createdAtMs: cell.clock.nowMs(),
      createdBy: this.#call.caller.id,
      kill: undefined,
      instancesSetAtMs: {},
      arguments: [...given],
      fireAtMs: 0,
      clusterPlace: this.#quota.find(view, cluster),
    });
  }

  #creation(view: Replica, cluster: ClusterView, record: JobRecord): CallerCommit {
    const owner = this.#typeOwner;
    const takenFrom = owner !== undefined && !isGoingOn(this.#cell, view, owner) ? owner : undefined;
    const isGone = takenFrom !== undefined && view.find('job', takenFrom) === undefined;
    return {
      writes: [{ kind: 'job', id: record.id, record, expectedRevision: 0 }],
      // The cluster must be unchanged since this read. A job that the view does not have must not exist.
      expects: [
        { kind: 'cluster', id: cluster.id, revision: cluster.revision },
        ...(isGone ? [{ kind: 'job' as const, id: takenFrom, revision: 0 }] : []),
      ],
      claims: claimsOf(record, { repeat: this.#repeat, takenFrom }),
    };
  }
}

/**
 * Returns the live job that holds the requested user-defined type. The commit decides between concurrent
 * requests.
 */
async function findSameType(
  cell: Cell,
  call: CallContext,
  job: Pick<JobRecord, 'clusterId' | 'descriptor'>,
): Promise<string | undefined> {
  const name = userTypeClaim(job);
  const owner = name === undefined ? undefined : await cell.findFirst(name);
  if (owner === undefined) return undefined;
  // A job that its caller has just killed must not be the answer.
  const view = await cell.read(call);
  return isGoingOn(cell, view, owner) ? owner : undefined;
}

/** True if the job is live and not about to end. */
function isGoingOn(cell: Cell, view: Replica, id: string): boolean {
  const job = view.find('job', id);
  return job !== undefined && !isEnding(view, job) && cell.clock.nowMs() < runtimeEndMs(job.record);
}

/** Returns the complete descriptor of a requested job, or fails with INVALID_ARGUMENT and all violations. */
export function validJob(cell: Cell, view: Replica, descriptor: JobDescriptor, call: CallContext): ValidJob {
  const { email } = call.caller;
  const clusterId = header(call, clusterIdLabel);
  return orRefuse(
    validateJob(descriptor, {
      attributes: () => cell.knownAttributes(),
      findCluster: (id) => clusterOf(view, id),
      ...(email === undefined ? {} : { callerEmail: email }),
      ...(clusterId === undefined ? {} : { clusterId }),
    }),
  );
}

interface ClaimTerms {
  readonly repeat: string | undefined;
  /** The job that may lose the claim of its type. */
  readonly takenFrom: string | undefined;
}

/**
 * Returns the claims of a job. The first one to fail is reported, so claims that have an answer come first:
 * that of the repeated request, then that of the type.
 */
function claimsOf(job: JobRecord, { repeat, takenFrom }: ClaimTerms): readonly Claim[] {
  const { id: owner } = job;
  const ofJob = jobClaims(job).map((name) =>
    isTypeClaim(name) && takenFrom !== undefined ? { name, owner, takenFrom } : { name, owner },
  );
  return repeat === undefined ? ofJob : [{ name: repeat, owner, ttlMs: idempotencyTtlMs }, ...ofJob];
}

/** True if the job has ended or its end was requested. */
export function isEnding(view: Replica, job: Entity<'job'>): boolean {
  return job.record.kill !== undefined || !isJobLive(view.find('jobStatus', job.id)?.record);
}
