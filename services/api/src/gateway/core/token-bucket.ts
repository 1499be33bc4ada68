/** How fast one may be: so many at once, and so many a second for as long as one likes. */
export interface BucketPolicy {
  readonly capacity: number;
  readonly refillPerSecond: number;
}

/** What is left of a bucket at a time. */
export interface Bucket {
  readonly tokens: number;
  readonly atMs: number;
}

/** A bucket from which nothing has been taken. */
export function fullBucket({ capacity }: BucketPolicy, nowMs: number): Bucket {
  return { tokens: capacity, atMs: nowMs };
}

/** The bucket at a later time. A clock that goes back refills nothing. */
export function refill(bucket: Bucket, policy: BucketPolicy, nowMs: number): Bucket {
  const seconds = Math.max(0, nowMs - bucket.atMs) / 1000;
  const tokens = Math.min(policy.capacity, bucket.tokens + seconds * policy.refillPerSecond);
  return { tokens, atMs: Math.max(bucket.atMs, nowMs) };
}

/** What sums of fractions may be off by. */
const tolerance = 1e-6;

/** What taking leaves, or after how long it would succeed if nobody else takes any. */
export type Taken = { readonly bucket: Bucket } | { readonly retryAfterMs: number };

/** Takes so many tokens, all or none. Who asks for more than the bucket can hold waits for a full one. */
export function take(bucket: Bucket, cost: number, policy: BucketPolicy, nowMs: number): Taken {
  const now = refill(bucket, policy, nowMs);
  const wanted = Math.min(cost, policy.capacity);
  if (now.tokens + tolerance >= wanted) {
    return { bucket: { ...now, tokens: Math.max(0, now.tokens - wanted) } };
  }
  return { retryAfterMs: Math.ceil(((wanted - now.tokens) / policy.refillPerSecond) * 1000) };
}
