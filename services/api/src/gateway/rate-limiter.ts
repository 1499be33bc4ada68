import { BerthError } from '@berth/shared/model/errors/errors';
import type { Clock } from '@berth/shared/process/clock';
import { accessOf } from '@berth/shared/rpc/access/access-table';
import type { CallContext } from '@berth/shared/rpc/calls/handlers';
import { type Bucket, type BucketPolicy, fullBucket, take } from './core/token-bucket.js';

/** Callers that are remembered; beyond it those are forgotten that have not written for longest. */
const maxCallers = 10_000;

/** The requests that name each object to change. */
interface RequestWithIds {
  readonly id: readonly string[];
}

/** Holds each caller to its rate of writes. */
export class RateLimiter {
  readonly #policy: BucketPolicy | undefined;
  readonly #clock: Clock;
  /** Least recently used first. */
  readonly #buckets = new Map<string, Bucket>();

  /** Without a policy nobody is held back. */
  constructor(policy: BucketPolicy | undefined, clock: Clock) {
    this.#policy = policy;
    this.#clock = clock;
  }

  /**
   * Lets a call be served if its caller may write as many things as the table of RPCs says. Reads always may.
   * It is the `admit` of all services, so no write can be without it.
   */
  readonly admitCall = (call: CallContext, path: string, request: unknown): void => {
    const { cost } = accessOf(path);
    if (cost === 'one') this.admit(call);
    else if (cost === 'each-id') this.admit(call, (request as RequestWithIds).id.length);
  };

  /** Lets the call write so many things, or fails with RESOURCE_EXHAUSTED that says when to try again. */
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
