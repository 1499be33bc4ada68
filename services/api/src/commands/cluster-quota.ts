/*
 * A cluster can limit the number of its live jobs. It then has that many numbers, and each live job claims
 * one of them.
 */

import { BerthError } from '@berth/shared/model/errors/errors';
import { isQuotaClaim, quotaClaim } from '@berth/shared/model/job/job';
import { clusterLimits, freeQuotaNumber } from '@berth/shared/model/schedule/cluster-limits';
import type { ClusterView } from '@berth/shared/model/submission/clusters';
import type { Replica } from '@berth/store/replica';
import type { Cell } from '../gateway/cell.js';
import { jobCreateLimited } from '../gateway/request-checks.js';

/** The last digits of a job's id are random. */
const choiceDigits = 8;
/** After this many numbers lost to other jobs, the caller has to try again. */
const maxLosses = 64;

/**
 * Finds a free number of the cluster's quota for one new job. It remembers the numbers that other jobs took
 * first.
 */
export class ClusterQuota {
  readonly #cell: Cell;
  readonly #taken = new Set<string>();
  /** Differs from job to job, so that concurrent jobs try different numbers. */
  readonly #choice: number;
  /** True if an earlier attempt of the same request may have been granted. */
  #mayRepeat: boolean;

  constructor(cell: Cell, jobId: string, mayRepeat: boolean) {
    this.#cell = cell;
    this.#choice = Number.parseInt(jobId.slice(-choiceDigits), 16);
    this.#mayRepeat = mayRepeat;
  }

  /**
   * Returns a number for the job; undefined if the cluster has no limit. Fails if no number is free. A
   * request that may be a repetition gets a number in use once: its commit then reports the claim of the
   * first request, which comes before the number's.
   */
  find(view: Replica, { id, record }: ClusterView): number | undefined {
    const { max } = clusterLimits(record);
    if (max === Number.POSITIVE_INFINITY) return undefined;
    const holders = this.#cell.index
      .liveJobsOf(id)
      .map((jobId) => ({ clusterPlace: view.find('job', jobId)?.record.clusterPlace }));
    const nextNumber = () => freeQuotaNumber(max, holders, this.#choice);
    for (let number = nextNumber(); number !== undefined; number = nextNumber()) {
      if (!this.#taken.has(quotaClaim({ clusterId: id, clusterPlace: number }) ?? '')) return number;
      holders.push({ clusterPlace: number });
    }
    const held = holders.find(({ clusterPlace = 0 }) => clusterPlace > 0)?.clusterPlace;
    if (this.#mayRepeat && held !== undefined) {
      this.#mayRepeat = false;
      return held;
    }
    throw jobCreateLimited(
      `Job cluster ${id} has as many live jobs as its maximum allows, ${max}; one has to end first.`,
    );
  }

  /** Learns that another job holds the claim. Returns false if it is not the claim of a number. */
  learn(claim: string): boolean {
    if (!isQuotaClaim(claim)) return false;
    if (this.#taken.size >= maxLosses)
      throw new BerthError('conflict', 'Others keep filling the same job cluster; try again.');
    this.#taken.add(claim);
    return true;
  }
}
