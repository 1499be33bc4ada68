/** A rate with a burst: `capacity` at once, and `refillPerSecond` for all time. */
export interface BucketPolicy {
  readonly capacity: number;
  readonly refillPerSecond: number;
}

/** The tokens of a bucket at a time. */
export interface Bucket {
  readonly tokens: number;
  readonly atMs: number;
}

/** Returns a full bucket. */
export function fullBucket({ capacity }: BucketPolicy, nowMs: number): Bucket {
  return { tokens: capacity, atMs: nowMs };
}

/** Returns the bucket at a later time. A clock that was set back refills nothing. */
function refill(bucket: Bucket, policy: BucketPolicy, nowMs: number): Bucket {
  const seconds = Math.max(0, nowMs - bucket.atMs) / 1000;
  const tokens = Math.min(policy.capacity, bucket.tokens + seconds * policy.refillPerSecond);
  return { tokens, atMs: Math.max(bucket.atMs, nowMs) };
}

/** The greatest error of a sum of fractions. */
const tolerance = 1e-6;

/**
 * The bucket after the tokens were taken. If it has too few, the time after which it has enough, provided
 * that nobody else takes any.
 */
type Taken = { readonly bucket: Bucket } | { readonly retryAfterMs: number };

/** Takes all the tokens or none. A call that needs more than the capacity waits for a full bucket. */
export function take(bucket: Bucket, cost: number, policy: BucketPolicy, nowMs: number): Taken {
  const now = refill(bucket, policy, nowMs);
  const wanted = Math.min(cost, policy.capacity);
  if (now.tokens + tolerance >= wanted) {
    return { bucket: { ...now, tokens: Math.max(0, now.tokens - wanted) } };
  }
  return { retryAfterMs: Math.ceil(((wanted - now.tokens) / policy.refillPerSecond) * 1000) };
}
