import { cellConfigShape, listenAddress, tlsConfigShape } from '@berth/shared/process/config';
import { amount, count, positiveCount, span } from '@berth/shared/process/config-fields';
import { filePath } from '@berth/shared/process/config-files';
import { fitPolicySetting } from '@berth/shared/process/placement-settings';
import { type Authenticate, believe, verify } from '@berth/shared/rpc/access/authenticate';
import { readTokens } from '@berth/shared/rpc/access/tokens';
import { z } from 'zod';
import type { BucketPolicy } from './gateway/core/token-bucket.js';
import { resolutionModes } from './images/image-resolver.js';

/** A timer of grpc-js that is set for longer than 2^31 ms goes off at once. */
const longestTimer = '576h';

/** The gateway's environment variables, with their defaults. */
export const gatewayConfigSchema = z.object({
  ...cellConfigShape,
  ...tlsConfigShape,
  /** gRPC: every service. */
  BERTH_API_GRPC: listenAddress('127.0.0.1:7104'),
  /** gRPC for clients of job.v1, which expect it on this port. */
  BERTH_API_JOBV1: listenAddress('127.0.0.1:59051'),
  /** After this a connection is asked to end, and its streams go on elsewhere; 0: connections may grow as old as they like. */
  BERTH_API_MAX_CONNECTION_AGE: span('0', { least: '100ms', most: longestTimer, orZero: true }),
  /** How long the calls on such a connection have to end. */
  BERTH_API_MAX_CONNECTION_AGE_GRACE: span('10s', { most: longestTimer }),
  /** HTTP: the JSON API, /healthz and /metrics. */
  BERTH_API_HTTP: listenAddress('127.0.0.1:7180'),
  /** As the masters have it: explanations and plans place as they do. */
  BERTH_MASTER_FIT_POLICY: fitPolicySetting,
  /** Replicas of Redis that must have a commit before it counts. */
  BERTH_REDIS_WAIT_REPLICAS: count.default(0),
  /** Who may call: a file of bearer tokens, each with the caller for whom it stands. */
  BERTH_API_TOKENS: filePath.optional(),
  /** Writes a second that each caller has for good, at each gateway; 0: as many as they like. */
  BERTH_API_WRITE_RATE: amount.nonnegative({ error: 'must not be negative' }).default(500),
  /** Writes that a caller who was quiet may make at once. */
  BERTH_API_WRITE_BURST: positiveCount.default(5_000),
  /** Whether images are resolved to digests when jobs are created. */
  BERTH_IMAGE_RESOLUTION: z
    .enum(resolutionModes, { error: `must be one of ${resolutionModes.join(', ')}` })
    .default('best-effort'),
  /** The longest that a CreateJob waits for registries. */
  BERTH_IMAGE_RESOLUTION_TIMEOUT: span('3s', { least: '10ms', most: longestTimer }),
  /** Registries that speak plain HTTP, besides those on this machine: `host:port`, separated by commas. */
  BERTH_IMAGE_INSECURE_REGISTRIES: z
    .string()
    .default('')
    .transform((text): ReadonlySet<string> => new Set(text.split(',').map((host) => host.trim()))),
  /** Credentials for registries: a file such as `docker login` writes. */
  BERTH_IMAGE_AUTH_FILE: filePath.optional(),
});

/** How old connections may grow, in the words of grpc-js; it spreads their ends by a tenth. */
export function connectionOptions(config: GatewayConfig): Readonly<Record<string, number>> {
  const { BERTH_API_MAX_CONNECTION_AGE: ageMs, BERTH_API_MAX_CONNECTION_AGE_GRACE: graceMs } = config;
  if (ageMs === 0) return {};
  return { 'grpc.max_connection_age_ms': ageMs, 'grpc.max_connection_age_grace_ms': graceMs };
}

/**
 * Who calls are from: whoever they say, unless there are tokens or authorities of clients.
 * @throws ConfigError that names every line of the tokens' file that is wrong.
 */
export function authentication({
  BERTH_API_TOKENS: path,
  BERTH_TLS_CLIENT_CA: clientCa,
}: GatewayConfig): Authenticate {
  if (path === undefined) return clientCa === undefined ? believe : verify(new Map());
  return verify(readTokens('BERTH_API_TOKENS', path));
}

/** How fast each caller may write; undefined for no limit. */
export function writePolicy(config: GatewayConfig): BucketPolicy | undefined {
  const { BERTH_API_WRITE_RATE: refillPerSecond, BERTH_API_WRITE_BURST: capacity } = config;
  return refillPerSecond === 0 ? undefined : { capacity, refillPerSecond };
}

export type GatewayConfig = z.output<typeof gatewayConfigSchema>;
