import { BerthError } from '@berth/shared/model/errors/errors';
import type { Clock } from '@berth/shared/process/clock';
import { accessOf } from '@berth/shared/rpc/access/access-table';
import type { CallContext } from '@berth/shared/rpc/calls/handlers';
import { type Bucket, type BucketPolicy, fullBucket, take } from './core/token-bucket.js';

/** The limiter forgets the callers beyond this number that have not written for longest. */
const maxCallers = 10_000;

/** The requests that name each object to change. */
interface RequestWithIds {
  readonly id: readonly string[];
}

/** Limits the rate of each caller's writes. */
export class RateLimiter {
  readonly #policy: BucketPolicy | undefined;
  readonly #clock: Clock;
  /** Least recently used first. */
  readonly #buckets = new Map<string, Bucket>();

  /** Without a policy there is no limit. */
  constructor(policy: BucketPolicy | undefined, clock: Clock) {
    this.#policy = policy;
    this.#clock = clock;
  }

  /**
   * Admits a call if its caller may make the writes that the table of RPCs declares. Reads are always
   * admitted. All services use it as their `admit`, so no write can be without it.
   */
  readonly admitCall = (call: CallContext, path: string, request: unknown): void => {
    const { cost } = accessOf(path);
    if (cost === 'one') this.admit(call);
    else if (cost === 'each-id') this.admit(call, (request as RequestWithIds).id.length);
  };

  /**
   * Admits this many writes, or fails with RESOURCE_EXHAUSTED and the time after which another attempt
   * succeeds.
   */
  admit({ caller }: CallContext, writes = 1): void {
    const policy = this.#policy;
    if (policy === undefined) return;
    const nowMs = this.#clock.nowMs();
    const bucket = this.#buckets.get(caller.id) ?? fullBucket(policy, nowMs);
    const taken = take(bucket, writes, policy, nowMs);
    if ('retryAfterMs' in taken) {
      const { retryAfterMs } = taken;
      const message = `Caller ${caller.id} writes too fast; try again after ${retryAfterMs} ms.`;
      throw new BerthError('resourceExhausted', message, { retryAfterMs });
    }
    this.#buckets.delete(caller.id);
    this.#buckets.set(caller.id, taken.bucket);
    const [oldest] = this.#buckets.size > maxCallers ? this.#buckets.keys() : [];
    if (oldest !== undefined) this.#buckets.delete(oldest);
  }
}
