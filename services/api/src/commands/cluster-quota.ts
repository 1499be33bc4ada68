/* Which of the places for live jobs in its cluster a new job takes. */

import { BerthError } from '@berth/shared/model/errors/errors';
import { isQuotaClaim, quotaClaim } from '@berth/shared/model/job/job';
import { clusterLimits, freeQuotaNumber } from '@berth/shared/model/schedule/cluster-limits';
import type { ClusterView } from '@berth/shared/model/submission/clusters';
import type { Replica } from '@berth/store/replica';
import type { Cell } from '../gateway/cell.js';
import { jobCreateLimited } from '../gateway/request-checks.js';

/** Of a job's id, the digits at its end that are chance. */
const choiceDigits = 8;
/** Places that others may take before this one, until it is for the caller to try again. */
const maxLosses = 64;

/** Finds a place for one job that is asked for, and learns from each that another was faster to take. */
export class ClusterQuota {
  readonly #cell: Cell;
  readonly #taken = new Set<string>();
  /** Differs from job to job, so that those that come at the same time try for different places. */
  readonly #choice: number;
  /** Whether the same request may have been granted before. */
  #mayRepeat: boolean;

  constructor(cell: Cell, jobId: string, mayRepeat: boolean) {
    this.#cell = cell;
    this.#choice = Number.parseInt(jobId.slice(-choiceDigits), 16);
    this.#mayRepeat = mayRepeat;
  }

  /**
   * The place for the job; undefined where the cluster has no limit. Fails where the limit leaves none; but once it names one
   * that is held, so that a request which is repeated is told so by its own claim, which comes first.
   */
  find(view: Replica, { id, record }: ClusterView): number | undefined {
    const { max } = clusterLimits(record);
    if (max === Number.POSITIVE_INFINITY) return undefined;
    const holders = this.#cell.index
      .liveJobsOf(id)
      .map((jobId) => ({ clusterPlace: view.find('job', jobId)?.record.clusterPlace }));
    const next = () => freeQuotaNumber(max, holders, this.#choice);
    for (let place = next(); place !== undefined; place = next()) {
      if (!this.#taken.has(quotaClaim({ clusterId: id, clusterPlace: place }) ?? '')) return place;
      holders.push({ clusterPlace: place });
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

  /** Takes in that the name is held by another; false where it is none of a place. */
  learn(claim: string): boolean {
    if (!isQuotaClaim(claim)) return false;
    if (this.#taken.size >= maxLosses)
      throw new BerthError('conflict', 'Others keep taking the places in the same job cluster; try again.');
    this.#taken.add(claim);
    return true;
  }
}
