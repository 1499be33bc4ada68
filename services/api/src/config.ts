import { imageSettingsShape } from '@berth/registry';
import { cellConfigShape, listenAddress, tlsConfigShape } from '@berth/shared/process/config';
import { amount, count, positiveCount, span } from '@berth/shared/process/config-fields';
import { filePath } from '@berth/shared/process/config-files';
import { fitPolicySetting } from '@berth/shared/process/placement-settings';
import { type Authenticate, believe, verify } from '@berth/shared/rpc/access/authenticate';
import { readTokens } from '@berth/shared/rpc/access/tokens';
import { z } from 'zod';
import type { BucketPolicy } from './gateway/core/token-bucket.js';

/** grpc-js fires a timer of more than 2^31 ms at once. */
const longestTimer = '576h';

/** The gateway's environment variables, with their defaults. */
export const gatewayConfigSchema = z.object({
  ...cellConfigShape,
  ...tlsConfigShape,
  /** The gRPC port with every service. */
  BERTH_API_GRPC: listenAddress('127.0.0.1:7104'),
  /** The gRPC port of job.v1, at the address that its clients expect. */
  BERTH_API_JOBV1: listenAddress('127.0.0.1:59051'),
  /** The gateway asks a connection of this age to close; its streams resume on others. 0 sets no limit. */
  BERTH_API_MAX_CONNECTION_AGE: span('0', { least: '100ms', most: longestTimer, orZero: true }),
  /** The calls on such a connection have this long to end. */
  BERTH_API_MAX_CONNECTION_AGE_GRACE: span('10s', { most: longestTimer }),
  /**
   * A stream without bookmarks (Observe of netflix.titus, WatchStages, WatchExplain) gets an empty message
   * after so long without any. Load balancers reset silent streams. 0 sends none.
   */
  BERTH_API_TITUS_IDLE: span('30s', { least: '100ms', most: longestTimer, orZero: true }),
  /** HTTP: the JSON API, /healthz and /metrics. */
  BERTH_API_HTTP: listenAddress('127.0.0.1:7180'),
  /** The same value as for the masters, so that explanations and plans place tasks the same way. */
  BERTH_MASTER_FIT_POLICY: fitPolicySetting,
  /** The number of Redis replicas that must have a commit before it counts. */
  BERTH_REDIS_WAIT_REPLICAS: count.default(0),
  /** A file of bearer tokens, each with the caller that it identifies. */
  BERTH_API_TOKENS: filePath.optional(),
  /** The writes a second that each caller may make at each gateway; 0 sets no limit. */
  BERTH_API_WRITE_RATE: amount.nonnegative({ error: 'must not be negative' }).default(500),
  /** The writes that a caller may make at once after a pause. */
  BERTH_API_WRITE_BURST: positiveCount.default(5_000),
  /**
   * `off` runs without the code that exists only for speed (tuning/observe-tuning.ts). Subscribers get the
   * same messages.
   */
  BERTH_API_TUNING: z.enum(['on', 'off'], { error: 'must be on or off' }).default('on'),
  ...imageSettingsShape,
});

/** Returns the limits of a connection's age as options of grpc-js, which varies them by a tenth. */
export function connectionOptions(config: GatewayConfig): Readonly<Record<string, number>> {
  const { BERTH_API_MAX_CONNECTION_AGE: ageMs, BERTH_API_MAX_CONNECTION_AGE_GRACE: graceMs } = config;
  if (ageMs === 0) return {};
  return { 'grpc.max_connection_age_ms': ageMs, 'grpc.max_connection_age_grace_ms': graceMs };
}

/**
 * Returns the authentication of callers. Without tokens and without an authority for clients, callers are
 * believed.
 * @throws ConfigError that names every wrong line of the tokens' file.
 */
export function authentication({
  BERTH_API_TOKENS: path,
  BERTH_TLS_CLIENT_CA: clientCa,
}: GatewayConfig): Authenticate {
  if (path === undefined) return clientCa === undefined ? believe : verify(new Map());
  return verify(readTokens('BERTH_API_TOKENS', path));
}

/** Returns the limit of each caller's rate of writes; undefined for no limit. */
export function writePolicy(config: GatewayConfig): BucketPolicy | undefined {
  const { BERTH_API_WRITE_RATE: refillPerSecond, BERTH_API_WRITE_BURST: capacity } = config;
  return refillPerSecond === 0 ? undefined : { capacity, refillPerSecond };
}

export type GatewayConfig = z.output<typeof gatewayConfigSchema>;
